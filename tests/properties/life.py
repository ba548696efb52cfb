"""A device's life as orders to it and its world, each at its time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tools.virtual.trace import Trace

HOUR_MS = 3_600_000
_MORE_US = 60_000_000


@dataclass(frozen=True)
class Order:
    """`do` is `cut_power`, `power_on` or a method of the world, with its arguments."""

    at_us: int
    do: tuple


@dataclass(frozen=True)
class Life:
    """What happens to a board that lies there without a battery at first."""

    seed: int
    length_us: int
    orders: tuple[Order, ...]

    @property
    def hours(self) -> float:
        return self.length_us / HOUR_MS / 1000

    def until(self, t_us: int) -> "Life":
        """A minute more than that, and no longer."""
        length_us = min(self.length_us, t_us + _MORE_US)
        return replace(
            self, length_us=length_us, orders=tuple(o for o in self.orders if o.at_us <= length_us)
        )

    def shorter(self, count: int) -> Iterator["Life"]:
        """Without `count` orders, each time with others left out."""
        for i in range(0, len(self.orders), count):
            yield replace(self, orders=self.orders[:i] + self.orders[i + count :])

    @classmethod
    def of(cls, trace: Trace) -> "Life":
        orders = (Order(order.t, (order.command, *order.arguments)) for order in trace.orders)
        return cls(trace.options["seed"], trace.end_us, tuple(orders))
