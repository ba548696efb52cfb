"""The processor of a virtual board: one run of the interpreter, from a start to the next stop."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import pty
import signal
import subprocess
import tty
from pathlib import Path

from tools.virtual import rombuild
from tools.virtual.interpreter import MICROPYTHON

HERE = Path(__file__).parent
ROM = HERE / "rom"


class Processor:
    """`boot` is the message that `rom/sim.py` starts with; `repl` leaves the REPL open after main.py."""

    def __init__(self, boot: dict, *, heap: str, repl: bool):
        down_read, down_write = os.pipe()
        up_read, up_write = os.pipe()
        self.console, console_end = _console()
        env = _environment() | {"FIELDREC_BOARD_FDS": f"{down_read},{up_write}"}
        self._process = subprocess.Popen(
            [*MICROPYTHON, "-X", f"heapsize={heap}", *(["-i"] if repl else []), "-c", "import rom"],
            env=env, pass_fds=(down_read, up_write), cwd=ROM,
            stdin=console_end, stdout=console_end, stderr=console_end, start_new_session=True,
        )  # fmt: skip
        for fd in (down_read, up_write, console_end):
            os.close(fd)
        self._down = open(down_write, "w", buffering=1)  # noqa: SIM115  # until the interpreter ends
        self._up = open(up_read, "rb", buffering=0)  # noqa: SIM115
        self._received = b""
        self.send(boot)

    def streams(self) -> list:
        """What to wait for: its messages and its console."""
        return [self._up, self.console]

    def send(self, message: dict) -> None:
        with contextlib.suppress(BrokenPipeError):  # its end is noticed where its words are read
            self._down.write(json.dumps(message) + "\n")

    def receive(self, ready: list) -> list[dict] | None:
        """The messages that are there; None if the interpreter has ended by itself."""
        if self._up not in ready:
            return []
        data = self._up.read(65536)
        if not data:
            return None
        *messages, self._received = (self._received + data).split(b"\n")
        return [json.loads(message) for message in messages]

    def output(self) -> bytes:
        """What the console said since the last look."""
        data = b""
        with contextlib.suppress(BlockingIOError, OSError):  # a terminal without its other end gives EIO
            while chunk := os.read(self.console, 65536):
                data += chunk
        return data

    def interrupt(self) -> None:
        """Ctrl-C while code runs."""
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        for stream in (self._down, self._up):
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        os.close(self.console)


class ScriptError(Exception):
    """A script of `rom/` failed; the text is what it printed."""


def interpret(script: str, *arguments: str) -> None:
    """Run a script of `rom/` on the plain interpreter, without a board."""
    command = [*MICROPYTHON, str(ROM / script), *arguments]
    run = subprocess.run(command, env=_environment(), capture_output=True, text=True, timeout=120)
    if run.returncode:
        raise ScriptError(f"{script} ended with {run.returncode}:\n{run.stdout}{run.stderr}")


@functools.cache
def version() -> str:
    """MicroPython's, as 1.26.0."""
    command = [
        *MICROPYTHON,
        "-c",
        "import sys; print('.'.join(str(n) for n in sys.implementation.version[:3]))",
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()


def _environment() -> dict[str, str]:
    return {**os.environ, "MICROPYPATH": f"{rombuild.rom()}:.frozen"}


def _console() -> tuple[int, int]:
    """(our end, the board's end) of a serial line: a terminal that changes no byte."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    return ours, theirs
