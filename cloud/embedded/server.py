"""What every embedded server has in common: start, wait until it answers, stop, clean up after a crash."""

import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from cloud.embedded import process

READY_TIMEOUT_S = 30
ASK_EVERY_S = 0.02


class ServerError(Exception):
    """A server could not be started; the text has the end of its log."""


class NotReady(Exception):
    """The server runs but does not answer yet."""


class Server(ABC):
    """A server process with its folder `DATA/NAME`, log `DATA/log/NAME.log`, pid file `DATA/run/NAME.json`.

    A kind of server says its `command()`, how to `ask()` whether it is ready, and what to `prepare()` before.
    """

    stop_signal = signal.SIGTERM
    ready_timeout_s: float = READY_TIMEOUT_S
    user: process.User | None = None

    def __init__(self, name: str, data: Path, port: int) -> None:
        self.name, self.data, self.port = name, data.resolve(), port
        self.process: subprocess.Popen | None = None
        self.ready_after_s = 0.0

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients find it, with the password if it has one."""

    @property
    def folder(self) -> Path:
        return self.data / self.name

    @property
    def log(self) -> Path:
        return self.data / "log" / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        return self.data / "run" / f"{self.name}.json"

    def prepare(self) -> None:
        self.folder.mkdir(exist_ok=True, parents=True)

    @abstractmethod
    def command(self) -> list[str]:
        """What is run, with its arguments."""

    def environ(self) -> Mapping[str, str]:
        return os.environ

    @abstractmethod
    def ask(self) -> None:
        """Raises NotReady or OSError until the server does its work."""

    def start(self) -> None:
        """Returns when the server answers; raises ServerError if it ends or stays silent."""
        begun = time.monotonic()
        for folder in (self.log.parent, self.pid_file.parent):
            folder.mkdir(exist_ok=True, parents=True)
        self.stop_leftover()
        self.prepare()
        self.process = process.spawn(
            self.command(),
            log=self.log,
            environ=self.environ(),
            user=self.user,
            death_signal=self.stop_signal,
        )
        process.remember(self.pid_file, self.process.pid, self.stop_signal)
        try:
            self._wait(begun + self.ready_timeout_s)
        except BaseException:
            self.stop()
            raise
        self.ready_after_s = time.monotonic() - begun

    def stop(self) -> None:
        if self.process:
            process.stop(self.process.pid, self.stop_signal)
            self.process.wait()
            self.process = None
        self.pid_file.unlink(missing_ok=True)

    def stop_leftover(self) -> None:
        process.stop_remembered(self.pid_file)

    def _wait(self, deadline: float) -> None:
        assert self.process
        while True:
            try:
                return self.ask()
            except (NotReady, OSError) as error:
                if self.process.poll() is not None:
                    why = f"{self.name} ended with {self.process.returncode}"
                    raise ServerError(f"{why}; its log ends:\n{self.log_end()}") from error
                if time.monotonic() > deadline:
                    why = f"{self.name} does not answer on port {self.port} ({error})"
                    raise ServerError(f"{why}; its log ends:\n{self.log_end()}") from error
            time.sleep(ASK_EVERY_S)  # a server's readiness can only be asked for

    def log_end(self, lines: int = 12) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
