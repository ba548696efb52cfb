"""Every signal of a trace over time: what the world did to the pins, what the board drove, and its state.

The world is as deterministic as the board: what was done to it, and the load that the board switched, are done to
it once more, and it is watched. An alert of the gauge is as its registers were when it was found.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest

from tools.virtual import log
from tools.virtual.board import World
from tools.virtual.trace import Trace
from tools.virtual.wiring import INPUTS, KEYS, OUTPUTS

_AFTER = {
    "deepsleep": "off",
    "exit": "dead",
}  # a run that was cut ends with the order; any other end is a start
_LEAST = {"cell_mv": 1.0, "temp_c": 0.05}  # a smaller change of a measure is none


@dataclass
class Signal:
    """`kind`: bit, word (16 bits), real or text. `points`: [(time, value)], from the first value on, each a new one."""

    kind: str
    points: list[tuple[int, int | float | str]] = field(default_factory=list)

    def add(self, t_us: int, value: int | float | str) -> None:
        if self.points and self.points[-1][0] == t_us:
            self.points.pop()
        if not self.points or self.points[-1][1] != value:
            self.points.append((t_us, value))

    def at(self, t_us: int) -> int | float | str:
        return self.points[max(0, bisect_right(self.points, t_us, key=_time) - 1)][1]

    def within(self, start_us: int, end_us: int) -> Signal:
        """The same between two times, both included."""
        inside = [point for point in self.points if start_us < point[0] <= end_us]
        return Signal(self.kind, [(start_us, self.at(start_us)), *inside])


def signals(trace: Trace) -> dict[str, Signal]:
    """By name: keys, event line, USB and charger; LEDs, haptic, load; state, power, cell_mv, temp_c."""
    inputs = {name: Signal("bit") for name in [*KEYS.values(), *INPUTS.values()]}
    outputs = {name: Signal("word" if name == "LOAD" else "bit") for name in OUTPUTS.values()}
    measures = {name: Signal("real") for name in _LEAST}
    _watch_world(trace, inputs | measures)
    start_us = trace.new_world().now_us
    for signal in outputs.values():
        signal.add(start_us, 0)
    for edge in trace.edges:
        outputs[edge.signal].add(edge.t, edge.value)
    power = _power(trace, start_us)
    return inputs | outputs | {"state": _state(trace, power), "power": power} | measures


def _watch_world(trace: Trace, watched: dict[str, Signal]) -> None:
    world = trace.new_world()
    _sample(world, watched)
    for t_us, act in _deeds(trace):
        _pass(world, t_us, watched)
        act(world)
        world.advance(world.now_us)
        _sample(world, watched)
    _pass(world, trace.end_us, watched)


def _pass(world: World, to_us: int, watched: dict[str, Signal]) -> None:
    while world.now_us < to_us:
        world.advance(max(world.now_us + 1, min(to_us, world.next_us())))
        _sample(world, watched)


def _deeds(trace: Trace) -> Iterator[tuple[int, Callable]]:
    """What was done to the world and when, by people and by the load."""
    orders = [
        (order.t, lambda world, o=order: getattr(world, o.command)(*o.arguments))
        for order in trace.orders
        if order.command not in ("power_on", "cut_power")
    ]
    loads = [
        (edge.t, lambda world, e=edge: setattr(world, "duty", e.value / 65535))
        for edge in trace.edges
        if edge.signal == "LOAD"
    ]
    return heapq.merge(orders, loads, key=_time)


def _sample(world: World, watched: dict[str, Signal]) -> None:
    measures = {"cell_mv": world.cell_mv(), "temp_c": world.temp_c}
    for name, signal in watched.items():
        if signal.kind == "bit":
            signal.add(world.now_us, world.levels[name])
        elif not signal.points or abs(measures[name] - signal.points[-1][1]) >= _LEAST[name]:
            signal.add(world.now_us, round(measures[name], 3))


def _power(trace: Trace, start_us: int) -> Signal:
    """dead, off or on. When a run went to sleep is known no better than its last edge or line."""
    points = [(start_us, "dead")]
    for boot, after in zip_longest(trace.boots, trace.boots[1:]):
        points.append((boot.t, "on"))
        if boot.end in _AFTER:
            points.append((_last_us(trace, boot.t, after.t if after else trace.end_us + 1), _AFTER[boot.end]))
    points += [(order.t, "dead") for order in trace.orders if order.command == "cut_power"]
    power = Signal("text")
    for t_us, value in sorted(points, key=_time):
        power.add(t_us, value)
    return power


def _last_us(trace: Trace, start_us: int, before_us: int) -> int:
    """Of what the board said or did between two starts."""
    last = start_us
    for happened in (trace.edges, trace.lines):
        number = bisect_left(happened, before_us, key=_time)
        last = max(last, happened[number - 1][0]) if number else last
    return last


def _state(trace: Trace, power: Signal) -> Signal:
    """OFF without power, SPL from each start, then as the log tells."""
    told = [(line.t, found.target) for line in trace.lines if (found := log.change(line.text))]
    starts = [(boot.t, "SPL") for boot in trace.boots]
    dead = [(t_us, "OFF") for t_us, value in power.points if value == "dead"]
    state = Signal("text")
    for t_us, name in heapq.merge(dead, starts, told, key=_time):
        state.add(t_us, name)
    return state


def _time(point: tuple) -> int:
    return point[0]
