# mypy: disable-error-code="import-not-found,union-attr"
"""The fuel gauge that the device finds on its bus: registers in memory, served by `machine.I2CTarget` without Python.

New words wait until the device addresses the gauge, and are put in place all at once then, by a hard interrupt: so no
read sees half of them. The BQ27427 answers Control() within its 66 us, by the interrupt that ends the write.
"""

from array import array

from machine import I2CTarget, Pin, disable_irq, enable_irq
from micropython import const

from hil.frames import FAULTS, GAUGES
from hil.pico import pins
from hil.pico.clock import sleep_us, ticks_diff, ticks_us

_SIZE = const(256)
_MOST = const(32)  # words that can wait
_CONTROL = const(0x00)
_COMMAND = const(0xFE)  # of the MAX17048: 0x5400 is its power-on reset

# register: its value after power-on. MAX17048 (19-6171, Register Summary), of a cell at 3.9 V and 75 %
_MAX17048 = {
    0x02: 0xC300, 0x04: 0x4B00, 0x06: 0x0000, 0x08: 0x0012, 0x0A: 0x8030, 0x0C: 0x971C, 0x14: 0x00FF, 0x16: 0x0000,
    0x18: 0x9600, 0x1A: 0x0100,
}  # fmt: skip
# BQ27427 (SLUUCD5 5, Standard Commands): 25 C, 3900 mV, flags ITPOR and BAT_DET, 75 %
_BQ27427 = {0x00: 0x0080, 0x02: 0x0BA5, 0x04: 0x0F3C, 0x06: 0x0028, 0x10: 0x0000, 0x1C: 0x004B, 0x1E: 0x0BC3}
# sub-command of Control(): its answer (CONTROL_STATUS, DEVICE_TYPE, FW_VERSION)
_ANSWERS = {0x0000: 0x0080, 0x0001: 0x0427, 0x0002: 0x0202}
_WRONG_ANSWERS = {0x0001: 0x0421}
_WRONG_WORDS = {0x08: 0x0003}
_RESETS = (0x0041, 0x0042)

# address, big-endian, words after power-on
_PARTS = {
    "max17048": (0x36, True, _MAX17048),
    "bq27427": (0x55, False, _BQ27427),
}
_EVERYTHING = I2CTarget.IRQ_ADDR_MATCH_READ | I2CTarget.IRQ_ADDR_MATCH_WRITE | I2CTarget.IRQ_END_WRITE


class Gauge:
    def __init__(self):
        self._memory = bytearray(_SIZE)
        self._waiting = bytearray(3 * _MOST)  # register, first byte, second byte
        self._waits = 0
        self._asked = array("H", list(_ANSWERS))
        self._answers = array("H", list(_ANSWERS.values()))
        self._jams = [Pin(number, Pin.OPEN_DRAIN, value=1) for number in (pins.SDA_JAM, pins.SCL_JAM)]
        self._target = None
        self._irq = None
        self._handler = self._on_event  # a bound method made in an interrupt would allocate
        self._kind = ""
        self._fault = ""
        self._big = True
        self._words = {}
        self._stretch_us = 0
        self._was_reset = False
        self._asleep_us = 0
        self._since = ticks_us()

    def fit(self, number):
        """Solder one on, as it is after power-on; 0 takes it off. IndexError for an unknown one."""
        self._off()
        self._kind = GAUGES[number]
        if self._kind:
            self._power_on()
            self.fault(0, 0)

    def _power_on(self):
        _, self._big, words = _PARTS[self._kind]
        self._words = dict(words)
        self._show(self._words)

    def set(self, words):
        """Change registers: [(register, value)]. ValueError if they are too many or none is fitted."""
        if not self._kind or len(words) > _MOST:
            raise ValueError(
                f"{len(words)} words for the gauge {self._kind or 'that is not there'}, at most {_MOST}"
            )
        new = dict(words)
        self._words.update(new)
        if self._fault != "frozen":
            self._show(new)

    # -- what is wrong with it

    def fault(self, number, argument):
        """IndexError for an unknown one. `argument`: us of stretch, or us until it wakes."""
        kind = FAULTS[number]
        self._jams[0].value(kind != "stuck_sda")
        self._jams[1].value(kind != "stuck_scl")
        self._stretch_us = argument if kind == "stretch" else 0
        self._asleep_us = argument if kind == "waking" else 0
        self._fault = kind
        if kind in ("nack", "waking"):
            self._since = ticks_us()
            self._off()
        elif self._kind:
            self._on()
        if kind != "frozen" and self._kind:
            self._tell_type()
            self._show(self._words)

    def _tell_type(self):
        wrong = _WRONG_ANSWERS if self._fault == "wrong_part" else {}
        for i, asked in enumerate(self._asked):
            self._answers[i] = wrong.get(asked, _ANSWERS[asked])

    def poll(self):
        """What needs no hurry: waking up, and the end of a reset that the device ordered."""
        if self._fault == "waking" and ticks_diff(ticks_us(), self._since) >= self._asleep_us:
            self.fault(0, 0)
        if self._was_reset:
            self._was_reset = False
            self._power_on()

    # -- on the bus

    def _on(self):
        if self._target is None:
            address = _PARTS[self._kind][0]
            self._target = I2CTarget(0, address, mem=self._memory, scl=Pin(pins.SCL), sda=Pin(pins.SDA))
            self._irq = self._target.irq(self._handler, trigger=_EVERYTHING, hard=True)

    def _off(self):
        if self._target is not None:
            self._target.deinit()
            self._target = None

    def _show(self, words):
        """Lay words out for the next time that it is addressed, the ones before included."""
        before = disable_irq()
        if self._waits + len(words) > _MOST:
            self._latch()
        for register in words:
            value = self._faulty(register, words[register])
            high, low = value >> 8, value & 0xFF
            i = 3 * self._waits
            self._waiting[i] = register
            self._waiting[i + 1] = high if self._big else low
            self._waiting[i + 2] = low if self._big else high
            self._waits += 1
        enable_irq(before)

    def _faulty(self, register, value):
        if self._fault == "zeros":
            return 0
        if self._fault == "ones":
            return 0xFFFF
        if self._fault == "wrong_part" and self._kind == "max17048":
            return _WRONG_WORDS.get(register, value)
        return value

    # -- in an interrupt: no allocation

    def _on_event(self, target):
        if self._irq is None:
            return  # it was addressed while it was being set up
        flags = self._irq.flags()
        if flags & I2CTarget.IRQ_END_WRITE:
            self._written()
        else:
            self._latch()
            if self._stretch_us:
                sleep_us(self._stretch_us)  # the hardware holds SCL low until it gets its byte

    def _latch(self):
        memory, waiting = self._memory, self._waiting
        for i in range(self._waits):
            register = waiting[3 * i]
            memory[register] = waiting[3 * i + 1]
            memory[register + 1 & 0xFF] = waiting[3 * i + 2]
        self._waits = 0

    def _written(self):
        memory = self._memory
        if self._big:
            self._was_reset = self._was_reset or memory[_COMMAND] == 0x54
            memory[_COMMAND] = 0
            return
        asked = memory[_CONTROL] | memory[_CONTROL + 1] << 8
        for i in range(len(self._asked)):
            if self._asked[i] == asked:
                memory[_CONTROL] = self._answers[i] & 0xFF
                memory[_CONTROL + 1] = self._answers[i] >> 8
        if asked in _RESETS:
            self._was_reset = True
