"""What an interrupt may do: on the plain interpreter, whose clock allocates nothing, with a pin that only has levels."""

import sys

import micropython


class Pin:
    IN, PULL_UP, IRQ_RISING, IRQ_FALLING = 1, 2, 1, 2

    def __init__(self, number, mode, pull):
        self.level = 1

    def irq(self, handler, trigger):
        self.handler = handler

    def value(self):
        return self.level


class Machine:
    Pin = Pin


sys.modules["machine"] = Machine

from board.key import Key


def test_an_edge_allocates_nothing():
    key = Key(1)
    pin = key._pin
    micropython.heap_lock()
    try:
        for _ in range(1000):
            pin.handler(pin)
    finally:
        micropython.heap_unlock()


def test_a_storm_of_edges_leaves_the_key_with_its_level():
    key = Key(1)
    pin = key._pin
    for i in range(101):
        pin.level = i & 1
        pin.handler(pin)
    pin.level = 1
    pin.handler(pin)
    while key.poll():
        pass
    assert key.down_since is None
