"""Samples received against time elapsed: I2S overflows in silence, and so what is lost is found.

Whenever all that had come was read, as many bytes are missing as the start of the microphone takes, always the same
but for the drift between two clocks. When that number grows at once, samples were lost.
"""

from time import ticks_diff, ticks_ms

from micropython import const

from wire.recordings import BYTES_PER_MS

_WINDOW_MS = const(2000)
_FIRST_WINDOW_MS = const(500)
_DRIFT_BYTES = const(160)  # 5 ms in a window is no drift any more: 2500 ppm
_WAITED_MS = const(2)


class Pace:
    """`ring_bytes`: how much the driver keeps while nobody reads."""

    def __init__(self, ring_bytes):
        self._ring_bytes = ring_bytes
        self._at_ms = self._asked_ms = self._window_ms = ticks_ms()
        self._behind = 0  # bytes that should have come and have not
        self._least = self._level = None  # of this window, and what is usual
        self._wait_ms = _FIRST_WINDOW_MS

    def ask(self):
        """Samples are waited for from now on."""
        self._asked_ms = ticks_ms()

    def took(self, count):
        """So many bytes came; how many are known by now to have been lost, and to be made up for."""
        now_ms = ticks_ms()
        self._behind += ticks_diff(now_ms, self._at_ms) * BYTES_PER_MS - count
        self._at_ms = now_ms
        if ticks_diff(now_ms, self._asked_ms) >= _WAITED_MS:
            self._least = self._behind if self._least is None else min(self._least, self._behind)
        if ticks_diff(now_ms, self._window_ms) < self._wait_ms:
            return 0
        self._window_ms, self._wait_ms = now_ms, _WINDOW_MS
        return self._settle() & ~1

    def _settle(self):
        """What the window says."""
        if self._least is None:  # never waited for: all that is certain is what the driver can't have kept
            least = self._behind - self._ring_bytes
            lost = 0 if self._level is None else max(0, least - self._level)
        else:
            least, self._least = self._least, None
            lost = 0 if self._level is None else least - self._level
            if lost <= _DRIFT_BYTES:
                self._level = least
                return 0
        self._behind -= lost
        return lost

    def waiting(self, at_ms):
        """Bytes sampled by `at_ms` that have not come yet; negative if they have come since."""
        return self._behind + ticks_diff(at_ms, self._at_ms) * BYTES_PER_MS - (self._level or 0)
