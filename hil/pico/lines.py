# mypy: disable-error-code="import-not-found"
"""The lines that the rig drives: keys, event line, power, EN, plugs, thermistor. `release` lets go of all of them.

A line is open-drain or open-source: it drives its active level, or nothing. The PIO plays a line's pulses, fed by DMA:
nothing of their length depends on Python.
"""

from array import array

import rp2
from machine import PWM, Pin
from micropython import const

from hil.pico import programs
from hil.pico.clock import sleep_us
from hil.pico.pins import SIGNALS, THERMISTOR

_PIO0, _PIO_STEP = const(0x50200000), const(0x100000)
_TXF0 = const(0x10)
_DREQ_STEP = const(8)
_WORD = const(2)
_MOST = const(125)  # events in one order
_LEAD_US = const(
    60
)  # what it takes from a look at the clock until the PIO counts; the capture tells the true time
_PWM_HZ = const(100_000)
_MAX_DELAY_US = const(0x3FFFFFFF)

_PULL = rp2.asm_pio_encode("pull(noblock)", 0)
_LET_GO = rp2.asm_pio_encode("set(pindirs, 0)", 0)
_DRIVE = rp2.asm_pio_encode("set(pindirs, 1)", 0)
_LOW = rp2.asm_pio_encode("set(pins, 0)", 0)
_HIGH = rp2.asm_pio_encode("set(pins, 1)", 0)

# the pins of lines with pulses in the order of frames.LINES, their state machine, their active level
_PULSED = (("PWR_SW1", 1, 0), ("PWR_SW2", 2, 0), ("PWR_SW4", 3, 1), ("LOOP_OUT", 4, 1))
_PLUGS = ("USB", "CHARGER")


class BusyError(Exception):
    """The line still plays what it was told before."""


class _Pulsed:
    """A line whose pulses are played by a state machine."""

    def __init__(self, signal, number, active):
        pin = Pin(SIGNALS[signal])
        # the pin's own pull keeps an unconnected line at rest; the device's is stronger
        Pin(SIGNALS[signal], Pin.IN, Pin.PULL_DOWN if active else Pin.PULL_UP)
        self._machine = rp2.StateMachine(
            number, programs.pulses, freq=programs.PULSES_HZ, out_base=pin, set_base=pin
        )
        self._machine.exec(_HIGH if active else _LOW)
        self._dma = rp2.DMA()
        block, index = number // 4, number % 4
        self._fifo = _PIO0 + block * _PIO_STEP + _TXF0 + 4 * index
        self._control = self._dma.pack_ctrl(
            size=_WORD, inc_read=True, inc_write=False, treq_sel=block * _DREQ_STEP + index
        )
        self._words = array("I", [0] * _MOST)
        self._until_us = 0
        self._machine.active(1)

    def level(self, active):
        """Drive it or let go, at once; what was ordered is off. Allocates nothing."""
        self._dma.active(0)
        self._machine.active(0)
        for _ in range(8):
            self._machine.exec(_PULL)  # the words that it did not come to
        self._machine.restart()
        self._machine.exec(_DRIVE if active else _LET_GO)
        self._until_us = 0
        self._machine.active(1)

    def play(self, clock, at_us, events):
        """Play events (us until then << 1 | active) from `at_us` on, 0 for now; returns when. BusyError, ValueError."""
        if not 0 < len(events) <= _MOST:
            raise ValueError(f"{len(events)} events, 1 to {_MOST} can be")
        length_us = 0
        for i, event in enumerate(events):
            delay_us = event >> 1
            if i and not programs.PULSE_OVERHEAD <= delay_us <= _MAX_DELAY_US:
                raise ValueError(f"{delay_us} us to event {i}, at least {programs.PULSE_OVERHEAD} can be")
            self._words[i] = max(0, delay_us - programs.PULSE_OVERHEAD) | (event & 1) << 31
            length_us += delay_us
        now_us = clock.now()
        if now_us < self._until_us:
            raise BusyError(f"for {self._until_us - now_us} us more")
        wait_us = max(at_us - now_us - _LEAD_US + (events[0] >> 1), programs.PULSE_OVERHEAD)
        if wait_us > _MAX_DELAY_US:
            raise ValueError(f"it would begin in {wait_us} us only")
        self._words[0] = wait_us - programs.PULSE_OVERHEAD | (events[0] & 1) << 31
        self._dma.config(
            read=self._words, write=self._fifo, count=len(events), ctrl=self._control, trigger=True
        )
        begin_us = now_us + _LEAD_US + wait_us
        self._until_us = begin_us + length_us
        return begin_us


class Lines:
    def __init__(self):
        self._pulsed = [_Pulsed(*row) for row in _PULSED]
        self._plugs = [Pin(SIGNALS[name], Pin.OUT, value=0) for name in _PLUGS]
        self._enable = Pin(SIGNALS["EN"], Pin.OPEN_DRAIN, value=1)
        self._power = Pin(SIGNALS["POWER"], Pin.OUT, value=0)
        self._warmth = PWM(Pin(THERMISTOR), freq=_PWM_HZ, duty_u16=0)

    def level(self, line, active):
        """IndexError for a line that isn't there."""
        if line < len(self._pulsed):
            self._pulsed[line].level(active)
        else:
            self._plugs[line - len(self._pulsed)].value(active)

    def play(self, clock, line, at_us, events):
        return self._pulsed[line].play(clock, at_us, events)

    def power(self, on):
        self._power.value(on)

    def reset(self, us):
        self._enable.value(0)
        sleep_us(us)
        self._enable.value(1)

    def warmth(self, duty):
        self._warmth.duty_u16(duty)

    def release(self):
        """Let go of every line, and power off. Allocates nothing: an interrupt may call it."""
        for line in self._pulsed:
            line.level(0)
        for plug in self._plugs:
            plug.value(0)
        self._enable.value(1)
        self._power.value(0)
