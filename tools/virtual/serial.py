"""The serial port of a virtual board: a pseudo-terminal that mpremote takes for a board's.

What differs from a plain relay: the interpreter's process ends at a soft reset and has to be started again in the
mode it was in, and Ctrl-C means SIGINT while code runs, but is a character while the REPL waits.
"""

from __future__ import annotations

import contextlib
import os
import pty
import tty
from pathlib import Path

from tools.virtual.board import VirtualBoard

_CTRL_A, _CTRL_B, _CTRL_C, _CTRL_D = b"\x01", b"\x02", b"\x03", b"\x04"
_PROMPTS = (b">>> ", b"\r\n>", b"\x04>", b"=== ")


class SerialPort:
    """`path` becomes a link to the terminal. Call `serve` when `fd` is readable."""

    def __init__(self, path: Path, board: VirtualBoard):
        self._path, self._board = path, board
        self.fd, self._held = pty.openpty()  # held open, so that a client may come and go
        tty.setraw(self._held)
        os.set_blocking(self.fd, False)
        if path.is_symlink():
            path.unlink()
        path.symlink_to(os.ttyname(self._held))
        self._tail = b""
        self._running = True  # code runs, the REPL does not wait
        self._typed = False  # something stands in the REPL's line
        self._raw = False
        self._enter_raw = False
        board.on_output = self._output

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._held)
        os.close(self.fd)

    # -- from the board

    def _output(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-16:]
        if self._tail.endswith(_PROMPTS):
            self._running = False
            if self._enter_raw:
                self._enter_raw = False
                self._board.type(_CTRL_A)
        self._show(data)

    def _show(self, data: bytes) -> None:
        with contextlib.suppress(BlockingIOError):  # nobody reads: the line drops it, as a line does
            os.write(self.fd, data)

    # -- from the host

    def serve(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._input(os.read(self.fd, 4096))

    def _input(self, data: bytes) -> None:
        if self._board.power != "on":
            return
        for byte in data:
            key = bytes([byte])
            if key == _CTRL_C and self._running:
                self._board.interrupt()
                continue
            if key in (_CTRL_A, _CTRL_B):
                self._set_raw(key == _CTRL_A)
            elif key == _CTRL_D or (key == b"\r" and not self._raw and self._typed):
                self._running = True
            self._typed = key >= b" " or (self._typed and key not in b"\r\x03\x04")
            self._board.type(key)

    def _set_raw(self, raw: bool) -> None:
        self._raw = raw
        self._board.console_is_log = not raw  # it carries files, too

    # -- around a start of the interpreter

    def starting(self, cause: str) -> None:
        """The interpreter is about to start. After a soft reset the REPL comes back in the mode it was in."""
        self._running, self._tail = True, b""
        if cause == "soft":
            self._show(b"\r\nMPY: soft reboot\r\n")
            self._enter_raw = self._board.raw_repl = self._raw
        else:
            self._set_raw(False)
            self._enter_raw = self._board.raw_repl = False
