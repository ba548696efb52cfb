"""Harm done to a server of an embedded cloud: killed, or frozen, which is what a cut link looks like to others."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from cloud.embedded.server import Server

GONE_TIMEOUT_S = 15.0


def kill(server: Server) -> None:
    """SIGKILL; returns when the process and those it had started are gone."""
    assert server.process
    members = family(server.process.pid)
    server.process.kill()
    server.process.wait()
    deadline = time.monotonic() + GONE_TIMEOUT_S
    while alive := [pid for pid in members if Path(f"/proc/{pid}").exists()]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{server.name}: processes {alive} outlive their parent by {GONE_TIMEOUT_S} s")
        time.sleep(0.02)


def kill_and_start(server: Server) -> None:
    kill(server)
    server.start()


@contextlib.contextmanager
def frozen(server: Server) -> Iterator[None]:
    """SIGSTOP to it and all it has started: connections stay open, and nothing answers on them."""
    assert server.process
    members = family(server.process.pid)
    for pid in members:
        _send(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in members:
            _send(pid, signal.SIGCONT)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def family(pid: int) -> list[int]:
    """The process, its children, and theirs."""
    found = [pid]
    for each in found:
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found += map(int, children.read_text().split())
    return found
