"""Rules of battery and heat that take time: while cell and temperature dwell over their bounds, the cell ages."""

import time
from time import ticks_diff

from micropython import const

# (name, temperature and voltage at least, for longer than; the setting that says down to where to discharge)
DWELLS = (
    ("long", 550, 4100, 4 * 3600, "long_target_mv"),
    ("short", 690, 3900, 600, "short_target_mv"),
)
_BREAK_DECIC = const(10)  # so far under a bound a dwell ends; less is noise
_BREAK_MV = const(20)
_GAP_S = const(60)  # a reset takes less; what was kept from before a longer gap is another dwell


class Dwell:
    """One rule's time. Samples must come more often than ticks wrap."""

    def __init__(self, rule, elapsed_s=0):
        self.name, self._decic, self._mv, self._for_s, self.setting = rule
        self._elapsed_ms = elapsed_s * 1000
        self._last_ms = None if elapsed_s == 0 else -1  # -1: goes on from before a reset

    def sample(self, now_ms, temp_decic, vbat_mv):
        """True once the condition has held for long enough."""
        if self._last_ms is None:
            if temp_decic < self._decic or vbat_mv < self._mv:
                return False
        elif temp_decic <= self._decic - _BREAK_DECIC or vbat_mv <= self._mv - _BREAK_MV:
            self._last_ms, self._elapsed_ms = None, 0
            return False
        elif self._last_ms >= 0:
            self._elapsed_ms += ticks_diff(now_ms, self._last_ms)
        self._last_ms = now_ms
        return (self._elapsed_ms + 500) // 1000 >= self._for_s

    @property
    def elapsed_s(self):
        return self._elapsed_ms // 1000


class Dwells:
    """All rules, kept in RTC memory over a reset."""

    def __init__(self, memory):
        self._memory = memory
        kept = memory.load().get("dwell", {})
        gap_s = time.time() - kept.get("at", 0)
        before = kept if 0 <= gap_s <= _GAP_S else {}
        self._dwells = [Dwell(rule, before[rule[0]] + gap_s if before.get(rule[0]) else 0) for rule in DWELLS]
        self._kept_s = 0

    def sample(self, now_ms, temp_decic, vbat_mv):
        """The dwell that is over, or None."""
        over = None
        for dwell in self._dwells:
            if dwell.sample(now_ms, temp_decic, vbat_mv) and over is None:
                over = dwell
        self._keep()
        return over

    def _keep(self):
        """Every ten seconds of a dwell, and at its end: a reset costs no more."""
        longest_s = max(dwell.elapsed_s for dwell in self._dwells)
        if longest_s == self._kept_s or (longest_s and longest_s - self._kept_s < 10):
            return
        self._kept_s = longest_s
        kept = {dwell.name: dwell.elapsed_s for dwell in self._dwells}
        kept["at"] = time.time()
        self._memory.update(dwell=kept)
