"""The log: each line on the console at once, and the last ones in /data/log.txt when the board stops.

Lines wait in one piece of memory: kept as strings for hours, they would lie strewn over the heap, and leave no room
for a large object between them.
"""

import os

from micropython import const

from app import uptime

_BYTES = const(2048)  # in memory until they are written
_PIECE = const(64)  # moved at once
_FILE_BYTES = const(16384)
_PATH = "/data/log.txt"
_END = const(10)  # of a line


class Log:
    def __init__(self):
        self._text = bytearray(_BYTES)
        self._used = 0

    def info(self, text):
        line = f"{uptime.ms() / 1000:.3f} {text}"
        print(line)
        data = (line + "\n").encode()
        if len(data) <= _BYTES:
            self._drop(self._used + len(data) - _BYTES)
            self._text[self._used : self._used + len(data)] = data
            self._used += len(data)

    def warning(self, text):
        self.info("! " + text)

    def _drop(self, least):
        """The oldest lines, of so many bytes at least."""
        if least <= 0:
            return
        text, start = self._text, least
        while text[start - 1] != _END:
            start += 1
        for at in range(start, self._used, _PIECE):
            piece = text[at : min(at + _PIECE, self._used)]
            text[at - start : at - start + len(piece)] = piece
        self._used -= start

    def lines(self):
        """Those that are in memory, the oldest first; the file has what came before."""
        return self._text[: self._used].decode().split("\n")[:-1]

    def keep(self):
        """Write what is in memory; an older half of the file gives way when it is full."""
        if "data" not in os.listdir("/"):
            os.mkdir("/data")
        try:
            full = os.stat(_PATH)[6] > _FILE_BYTES
        except OSError:
            full = False
        if full:
            os.rename(_PATH, _PATH + ".old")
        with open(_PATH, "ab") as file:
            file.write(memoryview(self._text)[: self._used])
        self._used = 0
