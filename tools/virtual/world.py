"""The world around a virtual board: keys, cell, temperature, fuel gauge. Runs on MicroPython and CPython.

The supervisor holds the world while the board is off and hands it to the interpreter at each boot, where the
board's clock runs; it comes back with the reason of the next stop. So there is one model, and a sample of the
gauge costs no message between processes.

Times are microseconds of virtual time since the board was made. A *signal* is a wire with a level.
"""

import math

from i2cbus import Bus, factory
from wiring import DIVIDER_OHM, DIVIDER_UV, NTC_BETA, NTC_KELVIN, NTC_OHM

NEVER_US = 1 << 60

# a linear cell: 3000 mAh between 3.0 V and 4.2 V open-circuit
_EMPTY_MV, _FULL_MV = 3000, 4200
_MAS_PER_MV = 9000.0
_CELL_OHM = 0.15
_LOAD_OHM = 10.0
_KELVIN_PER_W = 12.0  # the load's heat in the housing
_THERMAL_TAU_S = 600.0
_GAP_C = 0.01  # nearer than this, the temperature has arrived
_DRIFT_US = 1_000_000
_COMPARATOR_DECIC = 550  # the thermal comparator that drives PWR_SW4, with 1 C of hysteresis

_IDLE_LEVELS = {"PWR_SW1": 1, "PWR_SW2": 1, "PWR_SW4": 0, "USB": 0, "CHARGER": 0}
_ACTIVE_LEVEL = {"PWR_SW1": 0, "PWR_SW2": 0, "PWR_SW4": 1, "USB": 1, "CHARGER": 1}
_BOUNCE_US = (900, 2100, 3300, 5200, 7400)  # edges of a bouncing contact, after the first


class World:
    def __init__(self, saved=None):
        self.now_us = 0
        self.stepped_us = 0  # up to when heat and charge have been reckoned
        self.levels = dict(_IDLE_LEVELS)
        self.pending = []  # [time_us, signal, level], in order of time
        self.ocv_mv = 3900.0
        self.duty = 0.0
        self.temp_c = 25.0
        self.ambient_c = 25.0
        self.link = True
        self.card = True
        self.card_stall_us = 0  # how much longer the next write to the card takes
        self.sound = ""  # what the microphone hears: "" a tone, "counter", or a WAV file of the host
        self.frames = ""  # a folder of the host with the camera's JPEG files; "": there is no camera
        self.bus_state = factory()
        self.event_line = -1  # -1: driven by the comparator; 0 or 1: forced
        for name, value in (saved or {}).items():
            setattr(self, name, value)
        self.bus = Bus(self, self.bus_state)

    def save(self):
        """Everything that makes up the world, as JSON can carry it."""
        return {name: value for name, value in self.__dict__.items() if name != "bus"}

    # -- what a person or a test does to the board

    def press(self, signal, ms, bounce=False, after_ms=0):
        """Press a key after `after_ms` and let it go `ms` later; a bouncing contact chatters at both edges."""
        if ms <= 0 or after_ms < 0:
            raise ValueError("a press takes a positive time, not %r ms after %r ms" % (ms, after_ms))
        start = self.now_us + int(after_ms * 1000)
        self.schedule(start, signal, True, bounce)
        self.schedule(start + int(ms * 1000), signal, False, bounce)

    def hold(self, signal):
        self.schedule(self.now_us, signal, True)

    def release(self, signal):
        self.schedule(self.now_us, signal, False)

    def schedule(self, at_us, signal, active, bounce=False):
        if signal not in _ACTIVE_LEVEL:
            raise ValueError("no signal %r; there are %s" % (signal, ", ".join(sorted(_ACTIVE_LEVEL))))
        level = _ACTIVE_LEVEL[signal] if active else _IDLE_LEVELS[signal]
        edges = [(at_us, level)]
        if bounce:
            # an odd number of further edges would end on the wrong level
            edges += [(at_us + us, level ^ (i + 1 & 1)) for i, us in enumerate(_BOUNCE_US[:4])]
        for at, value in edges:
            self._insert([at, signal, value])

    def _insert(self, event):
        i = len(self.pending)
        while i and self.pending[i - 1][0] > event[0]:
            i -= 1
        self.pending.insert(i, event)

    def battery_mv(self, mv):
        """Set the open-circuit voltage of the cell: what an unloaded gauge reads."""
        self.bus.tick()  # its last conversion was before
        self.ocv_mv = float(mv)

    def temperature_c(self, c):
        """Set the temperature of cell and housing, and hold the surroundings there."""
        self.temp_c = self.ambient_c = float(c)

    def force_event_line(self, level):
        self.event_line = level

    def set_gauge(self, name):
        """Fit another gauge: max17048 | bq27427."""
        self.bus.fit(name)

    def set_gauge_fault(self, kind, times=None):
        """'' or a fault of `i2cbus.FAULTS`; how often it shows (stuck_sda: clocks until it is over), 0 for ever."""
        self.bus.set_fault(kind, times)

    def power_gauge(self):
        """The cell was taken out and put in: the gauge starts anew."""
        self.bus.power_on()

    def set_link(self, up):
        self.link = bool(up)

    def set_card(self, present):
        """Put the SD card in, or pull it out."""
        self.card = bool(present)

    def stall_card(self, ms):
        """The next write to the card takes so much longer."""
        self.card_stall_us = int(ms * 1000)

    def set_sound(self, what):
        """What the microphone hears from its next start: "" a 1 kHz tone; "counter": the number of 1/16000 s since the
        board was made, its lower 16 bits; or the path of a WAV file of 16 kHz, 16 bit, mono, which is repeated."""
        self.sound = what

    def set_frames(self, folder):
        """Fit a camera, found at the next start: it sees the folder's *.jpg in the order of their names, 15 per s."""
        self.frames = folder

    # -- what passes by itself

    def next_us(self):
        """When something may change next: a scheduled edge, or a step of what drifts."""
        at_rest = not self.duty and self.temp_c == self.ambient_c
        drift_us = NEVER_US if at_rest else self.stepped_us + _DRIFT_US
        alert_us = self.bus.next_us()
        if alert_us is not None:
            drift_us = min(drift_us, max(alert_us, self.now_us))
        return min(drift_us, self.pending[0][0]) if self.pending else drift_us

    def advance(self, to_us):
        """Let time pass; returns the signals that changed: [(signal, level)].

        `now_us` alone may be moved on up to `next_us`: heat and charge follow at the next call.
        """
        if to_us > self.stepped_us:
            self._physics((to_us - self.stepped_us) / 1e6)
        self.now_us = self.stepped_us = to_us
        self.bus.tick()
        changed: list = []
        while self.pending and self.pending[0][0] <= to_us:
            _, signal, level = self.pending.pop(0)
            self._set(signal, level, changed)
        self._set("PWR_SW4", self._event_level(), changed)
        return changed

    def _set(self, signal, level, changed):
        if self.levels[signal] != level:
            self.levels[signal] = level
            changed.append((signal, level))

    def _event_level(self):
        if self.event_line >= 0:
            return self.event_line
        if self.bus.part.alert:
            return 1
        hot = _COMPARATOR_DECIC - 10 if self.levels["PWR_SW4"] else _COMPARATOR_DECIC
        return 1 if self.temp_c * 10 >= hot else 0

    def _physics(self, dt_s):
        load_a = self.load_a()
        if load_a:
            self.ocv_mv = max(0.0, self.ocv_mv - load_a * 1000 * dt_s / _MAS_PER_MV)
        rest_c = self._rest_c()
        if self.temp_c != rest_c:
            gap_c = (self.temp_c - rest_c) * math.exp(-dt_s / _THERMAL_TAU_S)
            self.temp_c = rest_c + gap_c if abs(gap_c) > _GAP_C else rest_c

    def _rest_c(self):
        """Where the temperature goes: the surroundings, and what the load adds."""
        load_a = self.load_a()
        return self.ambient_c + load_a * load_a * _LOAD_OHM * _KELVIN_PER_W

    # -- what instruments see

    @property
    def gauge_fault(self):
        return self.bus_state["fault"]

    def load_a(self):
        return self.duty * self.ocv_mv / 1000 / (_LOAD_OHM + _CELL_OHM)

    def cell_mv(self):
        """Voltage at the cell's terminals: it sags under the load."""
        return self.ocv_mv - self.load_a() * _CELL_OHM * 1000

    def rate_pct_h(self):
        """How fast the charge falls."""
        return self.load_a() * 3_600_000 / _MAS_PER_MV / (_FULL_MV - _EMPTY_MV) * 100

    def soc_pct(self):
        return min(100.0, max(0.0, (self.ocv_mv - _EMPTY_MV) * 100 / (_FULL_MV - _EMPTY_MV)))

    def thermistor_uv(self):
        """The divider's voltage at the ADC pin."""
        kelvin = self.temp_c + 273.15
        ohm = NTC_OHM * math.exp(NTC_BETA * (1 / kelvin - 1 / NTC_KELVIN))
        return int(DIVIDER_UV * ohm / (ohm + DIVIDER_OHM))
