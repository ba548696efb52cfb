"""Battery and heat: sampled once a second in every state; what they demand, as a table."""

import asyncio

from micropython import const

from app import states
from board.errors import SensorError

_PERIOD_MS = const(1000)
_SAMPLES = const(5)
_FAULT_S = const(30)

BATT_MIN_MV = const(3400)
RECORD_MAX_DECIC = const(600)
DISCHARGE_MAX_DECIC = const(800)

# (state, when, trigger)
RULES = (
    (states.IDLE, lambda mv, decic: mv <= BATT_MIN_MV, ("battery empty",)),
    (states.RECORD, lambda mv, decic: mv <= BATT_MIN_MV, ("battery empty",)),
    (states.DISCHARGE, lambda mv, decic: mv <= BATT_MIN_MV, ("battery empty",)),
    (states.RECORD, lambda mv, decic: decic >= RECORD_MAX_DECIC, ("too hot",)),
    (states.DISCHARGE, lambda mv, decic: decic >= DISCHARGE_MAX_DECIC, ("load too hot",)),
)


class Safety:
    """Holds the last good values: the median of the last five samples, in mV, % and tenths of a degree."""

    def __init__(self, gauge, thermistor, machine, log):
        self._gauge, self._thermistor, self._machine, self._log = gauge, thermistor, machine, log
        self._voltages: list = []
        self._temperatures: list = []
        self.soc_pct = None
        self.faults = 0
        self.fault_s = 0

    @property
    def vbat_mv(self):
        return _median(self._voltages)

    @property
    def temp_decic(self):
        return _median(self._temperatures)

    async def run(self, beat):
        while True:
            beat()
            self.sample()
            await asyncio.sleep_ms(_PERIOD_MS)

    def sample(self):
        """One sample, and what the rules make of it."""
        try:
            vbat_mv, self.soc_pct = self._gauge.read()
            temp_decic = self._thermistor.read_decic()
        except SensorError as error:
            self._fault(str(error))
            return
        self.fault_s = 0
        _keep(self._voltages, vbat_mv)
        _keep(self._temperatures, temp_decic)
        if len(self._voltages) < _SAMPLES:
            return  # one sample decides nothing; the SPL measured before
        for state, demands, trigger in RULES:
            if state == self._machine.state and demands(self.vbat_mv, self.temp_decic):
                self._machine.fire(trigger)
                return

    def _fault(self, text):
        self.faults += 1
        self.fault_s += 1
        if self.fault_s == 1:
            self._log.warning(text)
        if self.fault_s >= _FAULT_S:
            self._machine.fire(("sensor fault",))


def _keep(samples, value):
    samples.append(value)
    if len(samples) > _SAMPLES:
        samples.pop(0)


def _median(samples):
    return sorted(samples)[len(samples) // 2] if samples else None
