"""The cell's fuel gauge, whichever part it is: found on the bus, and its readings held against what can be true."""

from time import sleep_ms, ticks_diff, ticks_ms

from micropython import const

from board import bus
from board.errors import SensorError
from board.faults import fault
from board.plausible import Plausible

# module and class of each part; only the one that is there stays in memory
_PARTS = (("max17048", "Max17048"), ("bq27427", "Bq27427"))

_TRIES = const(3)
_PAUSE_MS = const(8)
# the latest start of a try: it takes 20 ms at worst, for four packets that are stretched
_LAST_START_MS = const(38)


def open(pins):
    """The driver of the part that is there. SensorError if the bus is stuck, nobody answers, or it is another part."""
    i2c = bus.open(pins)
    for name, driver in _PARTS:
        module = __import__("board." + name, None, None, (driver,))
        part = getattr(module, driver)(i2c)
        try:
            part.identify()
        except SensorError as error:
            if error.code == "G01":
                continue  # not this one
            raise
        part.start()
        return part
    raise fault("G01", "neither a MAX17048 nor a BQ27427 acknowledges")


class Gauge:
    """Costs nothing to make, and makes no bus: a dead one shows at `read`, and each read after it tries anew."""

    POWER_UP_MS = 250  # BQ27427 datasheet, t(PUCD): power-up communication delay; a MAX17048 answers at once

    def __init__(self, pins):
        self._pins = pins
        self._part = None
        self._plausible = Plausible()
        self._last = None
        self._age_ms = 0
        self._looked_ms = ticks_ms()

    def identify(self):
        """The name of the part. SensorError if there is none to use."""
        if self._part is None:
            self._part = open(self._pins)
        return self._part.NAME

    def read(self):
        """(cell voltage in mV, state of charge in %, or None while unknown). SensorError if it can't be had or true."""
        self._grow_old()
        self.identify()
        try:
            vbat_mv, soc_pct = self._part.read()
        except SensorError as error:
            self._part = None  # the bus is freed and the part looked for before the next try
            if error.code == "B03":
                bus.free(self._pins)  # or it is B01 or B02: a line that stays low
            raise
        self._plausible.check(ticks_ms(), vbat_mv, self._part.raw)
        self._last, self._age_ms = (vbat_mv, soc_pct), 0
        return vbat_mv, soc_pct

    def retry(self):
        """As `read`, with up to three tries within 60 ms and the bus freed between them: for the SPL."""
        start = ticks_ms()
        for tries_left in range(_TRIES - 1, -1, -1):
            try:
                return self.read()
            except SensorError:
                if not tries_left or ticks_diff(ticks_ms(), start) + _PAUSE_MS > _LAST_START_MS:
                    raise
            sleep_ms(_PAUSE_MS)

    @property
    def last_good(self):
        """(vbat_mv, soc_pct, age in ms) of the last reading that could be true; None before the first."""
        if self._last is None:
            return None
        self._grow_old()
        return self._last[0], self._last[1], self._age_ms

    def _grow_old(self):
        """Count the age in steps: ticks tell no more than 6 days apart."""
        now = ticks_ms()
        self._age_ms += ticks_diff(now, self._looked_ms)
        self._looked_ms = now

    def load_switched(self):
        """Say that the discharge load was switched on or off: a gauge that works must see it."""
        self._plausible.switched(ticks_ms())

    def set_low_alert_mv(self, mv):
        """Drive the event line under this voltage; False where the part can't. SensorError as `read`."""
        return self._alert("set_low_alert_mv", mv)

    def clear_alerts(self):
        """Let go of the event line; False where the part has no alerts. SensorError as `read`."""
        return self._alert("clear_alerts")

    def _alert(self, name, *arguments):
        self.identify()
        act = getattr(self._part, name, None)
        if act:
            act(*arguments)
        return act is not None
