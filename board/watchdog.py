"""The hardware watchdog. Fed on progress by the main loop, and by nothing else."""

from machine import WDT
from micropython import const

_TIMEOUT_MS = const(8000)
_SERVICE_MS = const(1_800_000)


class Watchdog:
    def __init__(self):
        self._wdt = WDT(timeout=_TIMEOUT_MS)

    def feed(self):
        self._wdt.feed()

    def give_way(self):
        """Leave half an hour to a person at the REPL: a watchdog can't be stopped, only made slower."""
        self._wdt = WDT(timeout=_SERVICE_MS)
