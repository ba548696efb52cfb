# mypy: disable-error-code="attr-defined"
# (the `time` of the host has no ticks)
"""The rig's time: microseconds since its start, which do not go round."""

from time import sleep_us, ticks_diff, ticks_ms, ticks_us

__all__ = ["Clock", "sleep_us", "ticks_diff", "ticks_ms", "ticks_us"]


class Clock:
    """`now` has to be called once in some minutes at least: ticks go round after 17."""

    def __init__(self):
        self._ticks = ticks_us()
        self._us = 0

    def now(self):
        ticks = ticks_us()
        self._us += ticks_diff(ticks, self._ticks)
        self._ticks = ticks
        return self._us
