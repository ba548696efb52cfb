"""The log: each line on the console at once, and the last ones in /data/log.txt when the board stops."""

import os

from micropython import const

from app import uptime

_KEPT = const(60)  # lines in memory until they are written
_FILE_BYTES = const(16384)
_PATH = "/data/log.txt"


class Log:
    def __init__(self):
        self._lines = []

    def info(self, text):
        line = f"{uptime.ms() / 1000:.3f} {text}"
        print(line)
        self._lines.append(line)
        if len(self._lines) > _KEPT:
            self._lines.pop(0)

    def warning(self, text):
        self.info("! " + text)

    def lines(self):
        """Those that are in memory, the oldest first; the file has what came before."""
        return list(self._lines)

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
        with open(_PATH, "a") as file:
            for line in self._lines:
                file.write(line + "\n")
        self._lines.clear()
