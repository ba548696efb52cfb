"""What an interrupt may do. On the plain interpreter, whose clock allocates nothing; its pin has only a level."""

import sys

import micropython

pins: list = []


class Pin:
    IN, PULL_UP, IRQ_RISING, IRQ_FALLING = 1, 2, 1, 2

    def __init__(self, number, mode, pull):
        self.level = 1
        pins.append(self)

    def irq(self, handler, trigger):
        self.handler = handler

    def value(self):
        return self.level


class Machine:
    Pin = Pin


sys.modules["machine"] = Machine  # type: ignore[assignment]

from board.key import Key  # noqa: E402  # after what it imports


def test_an_edge_allocates_nothing():
    Key(1)
    pin = pins[-1]
    micropython.heap_lock()
    try:
        for _ in range(1000):
            pin.handler(pin)
    finally:
        micropython.heap_unlock()


def test_a_storm_of_edges_leaves_the_key_with_its_level():
    key = Key(1)
    pin = pins[-1]
    for i in range(101):
        pin.level = i & 1
        pin.handler(pin)
    pin.level = 1
    pin.handler(pin)
    while key.poll():
        pass
    assert key.down_since is None
