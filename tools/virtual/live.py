"""A virtual board in real time, in a thread of its own: what a person, mpremote and the demo work with."""

from __future__ import annotations

import os
import queue
import select
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from tools.virtual.board import VirtualBoard
from tools.virtual.serial import SerialPort

_PING_S = 1.0


class LiveBoard:
    """Runs a board until `close`. `do`, `power_on`, `cut_power` may be called from any thread."""

    def __init__(self, board: VirtualBoard, port: Path | None = None):
        if not board.real:
            raise ValueError("a live board needs real=True")
        self.board = board
        self._serial = SerialPort(port, board) if port else None
        if self._serial:
            board.on_boot = self._serial.starting
        self._calls: queue.SimpleQueue = queue.SimpleQueue()
        self._wake_read, self._wake_write = os.pipe()
        self._news = threading.Condition()
        self._stopping = False
        self._pinged = self._pong = 0
        self._pinged_at = self._answered_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"board {board.folder.name}", daemon=True)
        self._thread.start()

    def __enter__(self) -> LiveBoard:
        return self

    def __exit__(self, *exc) -> None:
        self.close()

    def close(self) -> None:
        self._call(self._stop)
        self._thread.join()

    def _stop(self) -> None:
        self._stopping = True

    def do(self, command: str, *arguments) -> None:
        self._call(self.board.do, command, *arguments)

    def power_on(self) -> None:
        self._call(self.board.power_on)

    def cut_power(self) -> None:
        self._call(self.board.cut_power)

    def ping(self) -> None:
        """Ask a board that runs for its clock and its world; by themselves they come once a second."""
        self._call(self.board.ping, self._pinged)

    def wait_for(self, condition: Callable[[VirtualBoard], bool], timeout_s: float, what: str) -> None:
        """Until `condition(board)` holds; TimeoutError with the last lines of the console."""
        with self._news:
            if not self._news.wait_for(lambda: condition(self.board), timeout_s):
                tail = "\n".join(self.board.lines[-15:])
                raise TimeoutError(f"{what} did not come within {timeout_s} s; the board said:\n{tail}")

    def wait_line(self, text: str, timeout_s: float, start: int = 0) -> str:
        """A line of the console, from line `start` on, that contains `text`."""
        self.wait_for(
            lambda b: any(text in line for line in b.lines[start:]), timeout_s, f"a line with {text!r}"
        )
        return next(line for line in self.board.lines[start:] if text in line)

    # -- the thread

    def _call(self, function: Callable, *arguments) -> None:
        """Have the board's thread do it, and wait until it has."""
        done: Future = Future()
        self._calls.put((done, function, arguments))
        os.write(self._wake_write, b"\0")
        done.result(30)

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._step()
        finally:
            self.board.close()
            self.board.save()
            if self._serial:
                self._serial.close()
            for fd in (self._wake_read, self._wake_write):
                os.close(fd)

    def _step(self) -> None:
        board, serial = self.board, [self._serial.fd] if self._serial else []
        started, start_us = time.monotonic(), board.now_us
        ready = _readable([self._wake_read, *serial, *board.streams()], self._patience_s())
        if board.power != "on":
            board.pass_off(start_us + int((time.monotonic() - started) * board.rate * 1e6))
        if self._wake_read in ready:
            os.read(self._wake_read, 1)
            self._carry_out()  # which may change what is to be waited for
            if board.power != "on":
                board.pass_off(board.now_us)  # no time, but it may have been woken
        else:
            if self._serial and self._serial.fd in ready:
                self._serial.serve()
            board.serve(ready)
        if board.power == "on":
            self._watch_core()
        with self._news:
            self._news.notify_all()

    def _patience_s(self) -> float:
        if self.board.power == "on":
            return _PING_S
        return min(_PING_S, max(0.0, (self.board.next_off_us() - self.board.now_us) / self.board.rate / 1e6))

    def _carry_out(self) -> None:
        done, function, arguments = self._calls.get()
        try:
            done.set_result(function(*arguments))
        except Exception as error:  # noqa: BLE001  # handed to the thread that called
            done.set_exception(error)

    def _watch_core(self) -> None:
        """A core in an endless loop serves neither clock nor watchdog: ask it, and act as the watchdog would.

        From the moment on at which that was armed: what the start before has computed does not count.
        """
        now, board = time.monotonic(), self.board
        if board.pong != self._pong or not board.wdt_timeout_ms:
            self._pong, self._answered_at = board.pong, now
        elif (now - self._answered_at) * 1000 > board.wdt_timeout_ms + 2000 * _PING_S:
            self._answered_at = now
            board.hang()
        if now - self._pinged_at >= _PING_S:
            self._pinged_at, self._pinged = now, self._pinged + 1
            board.ping(self._pinged)


def _readable(streams: list, timeout_s: float) -> list:
    """Those of `streams` that can be read, or have ended. select() knows no file above 1,023; a fleet opens more."""
    poll = select.poll()
    for stream in streams:
        poll.register(stream, select.POLLIN)
    ready = {fd for fd, _ in poll.poll(timeout_s * 1000)}
    return [each for each in streams if (each if isinstance(each, int) else each.fileno()) in ready]
