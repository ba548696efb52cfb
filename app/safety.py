"""Battery and heat: sampled once a second in every state; what they demand, as a table."""

from time import ticks_diff

from micropython import const

from app import states
from app.heat import Dwells
from board.errors import SensorError
from board.faults import fault

_SAMPLES = const(5)
_JUMP_DECIC = const(100)  # in a second: no cell heats so fast
_JUMP_SAMPLES = const(3)  # in a row, and the jump was real: the fault is over
_FAULT_MS = const(30_000)

BATT_MIN_MV = const(3400)

# (state, when: of cell in mV, temperature in tenths of a degree, settings; trigger)
RULES = (
    (states.IDLE, lambda mv, decic, settings: mv <= BATT_MIN_MV, ("battery empty",)),
    (states.RECORD, lambda mv, decic, settings: mv <= BATT_MIN_MV, ("battery empty",)),
    (states.DISCHARGE, lambda mv, decic, settings: mv <= BATT_MIN_MV, ("battery empty",)),
    (states.RECORD, lambda mv, decic, settings: decic >= settings.record_max_decic, ("too hot",)),
)


class Safety:
    """The last good values are the medians of the last five samples: `vbat_mv`, `temp_decic`; and `soc_pct`."""

    def __init__(self, board, settings, machine, discharge, log, event):
        self._gauge, self._thermistor = board.gauge, board.thermistor
        self._settings, self._machine, self._discharge = settings, machine, discharge
        self._log, self._event = log, event
        self._dwells = Dwells(board.memory)
        self._voltages: list = []
        self._temperatures: list = []
        self._last_decic = None
        self._jumps = 0
        self._fault_since_ms = None
        self.vbat_mv = None
        self.temp_decic = None
        self.soc_pct = None
        self.faults = 0
        self.fault_code = ""

    def sample(self, now_ms):
        """One sample, and what the rules make of it."""
        try:
            vbat_mv, self.soc_pct = self._gauge.read()
            temp_decic = self._temperature()
        except SensorError as error:
            self._fault(now_ms, error)
            return
        self._fault_since_ms = None
        self.fault_code = ""
        self.vbat_mv = _median(self._voltages, vbat_mv)
        self.temp_decic = _median(self._temperatures, temp_decic)
        if len(self._voltages) < _SAMPLES:
            return  # the SPL measured before; one sample decides nothing
        over = self._dwells.sample(now_ms, self.temp_decic, self.vbat_mv)
        if self._machine.state == states.DISCHARGE:
            self._discharge.sample(now_ms, self.vbat_mv, temp_decic)
        elif over and self._machine.state == states.IDLE:
            self._machine.fire(("dwell", over.name))
        for state, demands, trigger in RULES:
            if state == self._machine.state and demands(self.vbat_mv, self.temp_decic, self._settings):
                self._machine.fire(trigger)
                return

    def _temperature(self):
        """Read it; a jump that the samples after it do not confirm is a fault."""
        decic = self._thermistor.read_decic()
        last, self._last_decic = self._last_decic, decic
        if last is not None and abs(decic - last) > _JUMP_DECIC:
            self._jumps = _JUMP_SAMPLES
        if self._jumps:
            self._jumps -= 1
            raise fault("T03", f"{decic / 10} C, a second after {last / 10} C")
        return decic

    def _fault(self, now_ms, error):
        self.faults += 1
        if self._fault_since_ms is None:
            self._fault_since_ms = now_ms
            self._log.warning(str(error))
            self._event("fault", code=error.code, detail=str(error))
        self.fault_code = error.code
        if self._machine.state == states.DISCHARGE:
            self._discharge.fault(now_ms)
            if ticks_diff(now_ms, self._fault_since_ms) >= _FAULT_MS:
                self._machine.fire(("sensor fault",))


def _median(samples, value):
    """Take a sample in, and give the median of the last five."""
    samples.append(value)
    if len(samples) > _SAMPLES:
        samples.pop(0)
    return sorted(samples)[len(samples) // 2]
