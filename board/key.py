"""A key: its edges are stamped in an interrupt, so that a busy program delays no measurement."""

from array import array
from asyncio import ThreadSafeFlag
from time import ticks_diff, ticks_ms

import micropython
from machine import Pin
from micropython import const

from board.debounce import Debouncer

_EDGES = const(32)  # a power of two; a press with bounce has some ten
_STUCK_MS = const(20_000)  # longer than any hold that means something

if hasattr(micropython, "alloc_emergency_exception_buf"):  # the unix port has none
    micropython.alloc_emergency_exception_buf(100)


class Key:
    """Active-low, with the pull-up on the board."""

    def __init__(self, pin):
        self._pin = Pin(pin, Pin.IN, Pin.PULL_UP)
        self._times = array("i", [0] * _EDGES)
        self._levels = bytearray(_EDGES)
        self._written = 0
        self._read = 0
        self._stuck = False
        self._contact = Debouncer(self.is_down(), ticks_ms())
        self.changed = ThreadSafeFlag()
        self._wake = self.changed.set  # bound once: binding allocates, and the interrupt must not
        self._pin.irq(self._on_edge, Pin.IRQ_RISING | Pin.IRQ_FALLING)

    def _on_edge(self, pin):
        i = self._written & (_EDGES - 1)
        self._times[i] = ticks_ms()  # type: ignore[call-overload]  # the stubs keep ticks apart from int
        self._levels[i] = pin.value()
        self._written += 1
        self._wake()

    def is_down(self):
        """The contact as it is this moment."""
        return self._pin.value() == 0

    def pressed_since(self, at_ms):
        """Say that the key went down at `at_ms`, before this object was made: it woke the board."""
        self._contact = Debouncer(True, at_ms)
        if not self.is_down():
            self._contact.edge(False, ticks_ms())

    def look(self):
        """Take a new level for an edge: the one that ends light sleep interrupts nothing."""
        if self.is_down() != self._contact.raw:
            self._on_edge(self._pin)

    def poll(self):
        """The next change: ("down" | "up", ticks of its first edge, ms in the state before); None if there is none."""
        while self._read != self._written:
            if self._written - self._read > _EDGES:
                self._read = self._written - _EDGES  # a storm of edges: the oldest are gone, the level is not
            i = self._read & (_EDGES - 1)
            self._read += 1
            self._stuck = False
            change = self._contact.edge(self._levels[i] == 0, self._times[i])
            if change:
                return change
        return self._contact.settle(ticks_ms())

    @property
    def settled(self):
        """Whether no edge waits for its 20 ms."""
        return self._contact.leaving_ms is None

    @property
    def quiet(self):
        """Nothing waits to be looked at, and it is up, or stuck: the processor may sleep."""
        moving = self._read != self._written or not self.settled or self._contact.down != self.is_down()
        return not moving and (not self._contact.down or self._is_stuck())

    def _is_stuck(self):
        """Down for so long that nobody waits for its release; for good, for ticks come round."""
        if not self._stuck and ticks_diff(ticks_ms(), self._contact.since_ms) > _STUCK_MS:
            self._stuck = True
        return self._stuck

    @property
    def down_since(self):
        """Ticks of the press that goes on, or None; `poll` brings it up to date."""
        return self._contact.since_ms if self._contact.down else None
