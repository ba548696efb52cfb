"""Whether a reading of the gauge can be true. No hardware, no clock: ticks in ms are handed in."""

from time import ticks_diff

from micropython import const

from board.faults import fault

_LOWEST_MV = const(2500)
_HIGHEST_MV = const(4500)
_STEP_MV = const(300)  # in a second
_CONFIRMATIONS = const(3)  # samples in a row that say the same: the jump was real
_APART_MS = const(250)  # less between two samples, and the gauge may have measured only once
_STILL_MS = const(120_000)


class Plausible:
    def __init__(self):
        self._good = None  # (ticks, mV) of the last reading that could be true
        self._jump = None  # (ticks, mV) of the last reading after a jump
        self._confirmed = 0
        self._raw = None
        self._switched_ms = None  # the first switch of the load since a bit of the reading changed

    def switched(self, now_ms):
        """The load was switched: the voltage must move."""
        if self._switched_ms is None:
            self._switched_ms = now_ms

    def check(self, now_ms, vbat_mv, raw):
        """SensorError G03 to G06 unless the reading can be true; `raw` is (voltage, charge) bit for bit."""
        if raw[0] in (0x0000, 0xFFFF):
            raise fault("G03", f"voltage register 0x{raw[0]:04x}")
        if not _LOWEST_MV <= vbat_mv <= _HIGHEST_MV:
            raise fault("G04", f"{vbat_mv} mV is outside {_LOWEST_MV}..{_HIGHEST_MV} mV")
        self._check_moves(now_ms, raw)
        self._check_step(now_ms, vbat_mv)
        self._good, self._jump = (now_ms, vbat_mv), None

    def _check_moves(self, now_ms, raw):
        if raw != self._raw:
            self._raw, self._switched_ms = raw, None
        elif self._switched_ms is not None and ticks_diff(now_ms, self._switched_ms) > _STILL_MS:
            raise fault(
                "G06", f"no bit of 0x{raw[0]:04x} changed in {_STILL_MS // 1000} s after the load did"
            )

    def _check_step(self, now_ms, vbat_mv):
        """A jump is a fault until three samples in a row agree on it."""
        # once it has jumped, time alone makes it no better
        if self._good is None or _near(self._good, self._good[0] if self._jump else now_ms, vbat_mv):
            return
        if self._jump is None or not _near(self._jump, now_ms, vbat_mv):
            self._confirmed = 0
        if not self._confirmed or ticks_diff(now_ms, self._jump[0]) >= _APART_MS:
            self._jump = (now_ms, vbat_mv)
            self._confirmed += 1
        if self._confirmed < _CONFIRMATIONS:
            raise fault("G05", f"from {self._good[1]} to {vbat_mv} mV, seen {self._confirmed} times")


def _near(sample, now_ms, vbat_mv):
    """Whether the voltage can have come from there; within a second noise is no jump."""
    elapsed_ms = ticks_diff(now_ms, sample[0])
    return abs(vbat_mv - sample[1]) * 1000 <= _STEP_MV * max(1000, elapsed_ms)
