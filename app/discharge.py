"""The discharge: a load in periods, and the voltage looked at after a rest, when it does not sag.

load   |‾‾60 s‾‾|__60 s__|‾‾60 s‾‾|__60 s__|
                         ^ target?         ^ target?
"""

from time import ticks_diff

from micropython import const

_PERIOD_MS = const(60_000)
SHUTDOWN_MV = const(3600)  # whatever the rule, here it ends in OFF
MAX_DECIC = const(800)
_RISE_DECIC = const(20)  # over where it began, the duty is halved
_DUTY_PCT = const(100)


class Discharge:
    """`start` on entry, `sample` once a second, `fault` instead where a sample can't be had, `stop` on exit."""

    def __init__(self, load, fire, log):
        self._load, self._fire, self._log = load, fire, log
        self._target_mv = 0
        self._began_decic = None
        self._since_ms = None  # of the phase that goes on; None: the next sample begins one
        self._loaded = False

    def start(self, target_mv):
        """Down to `target_mv`, the open-circuit voltage of the cell."""
        self._target_mv = target_mv
        self._began_decic = self._since_ms = None
        self._loaded = False

    def sample(self, now_ms, vbat_mv, temp_decic):
        if temp_decic >= MAX_DECIC:
            self._rest(now_ms)
            self._fire(("load too hot",))
        elif self._since_ms is None:
            self._put_on(now_ms, temp_decic)
        elif ticks_diff(now_ms, self._since_ms) >= _PERIOD_MS:
            self._next(now_ms, vbat_mv, temp_decic)
        elif self._loaded:
            self._load.set(self._duty_pct(temp_decic))

    def fault(self, now_ms):
        """Without a measurement there is no load; a rest begins."""
        self._rest(now_ms)

    def stop(self):
        self._load.off()

    def _next(self, now_ms, vbat_mv, temp_decic):
        if self._loaded:
            self._rest(now_ms)
            return
        self._log.info(f"discharge: {vbat_mv} mV at rest, target {self._target_mv} mV")
        if vbat_mv <= SHUTDOWN_MV:
            self._fire(("target shutdown",))
        elif vbat_mv <= self._target_mv:
            self._fire(("target reached",))
        else:
            self._put_on(now_ms, temp_decic)

    def _put_on(self, now_ms, temp_decic):
        if self._began_decic is None:
            self._began_decic = temp_decic
        self._loaded, self._since_ms = True, now_ms
        self._load.set(self._duty_pct(temp_decic))

    def _rest(self, now_ms):
        self._loaded, self._since_ms = False, now_ms
        self._load.off()

    def _duty_pct(self, temp_decic):
        return _DUTY_PCT // 2 if temp_decic >= self._began_decic + _RISE_DECIC else _DUTY_PCT
