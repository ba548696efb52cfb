"""GPIO lines in place of a kernel's, behind the API of the package gpiod. A test holds its signatures to the real ones.

What differs from a kernel: timestamps are taken where a value is set, and wires are what `wires` says.
"""

from __future__ import annotations

import threading
import time
from collections import deque

import gpiod
from gpiod import EdgeEvent, LineSettings, line

__all__ = ["EdgeEvent", "FakeChip", "LineSettings", "line"]

_RISING, _FALLING = EdgeEvent.Type.RISING_EDGE.value, EdgeEvent.Type.FALLING_EDGE.value


class FakeChip:
    """`wires`: {driven line: [(watched line, delay_us, inverted)]}. `buffer_size` overrides what a request asks for."""

    line, LineSettings, EdgeEvent = line, LineSettings, EdgeEvent

    def __init__(self, wires: dict[int, list[tuple[int, int, bool]]], buffer_size: int | None = None):
        self.wires, self.buffer_size = wires, buffer_size
        self.levels: dict[int, int] = {}
        self.driven: list[
            tuple[int, int, int]
        ] = []  # (ns, line, level): what was set, for a test to compare with
        self.watched: FakeRequest | None = None

    def request_lines(self, path, config, consumer=None, event_buffer_size=None, output_values=None):
        request = FakeRequest(self, config, self.buffer_size or event_buffer_size or 64)
        if any(s.edge_detection != line.Edge.NONE for s in config.values() if s):
            self.watched = request
        return request

    def set(self, number: int, level: int) -> None:
        now_ns = time.monotonic_ns()
        if self.levels.get(number) != level:
            self.driven.append((now_ns, number, level))
        self.levels[number] = level
        for target, delay_us, inverted in self.wires.get(number, []):
            new = level ^ inverted
            if self.levels.get(target) != new:
                self.levels[target] = new
                if self.watched:
                    self.watched.edge(now_ns + delay_us * 1000, target, new)


class FakeRequest:
    """Of some lines. Its queue drops the oldest event when it is full, as the kernel's does."""

    def __init__(self, chip: FakeChip, config: dict, buffer_size: int):
        self._chip = chip
        self._events: deque[EdgeEvent] = deque(maxlen=buffer_size)
        self._came = threading.Condition()
        self._numbers = 0
        for lines, settings in config.items():
            if settings.direction == line.Direction.OUTPUT:
                for number in lines if isinstance(lines, tuple) else [lines]:
                    chip.set(number, int(settings.output_value == line.Value.ACTIVE))

    def edge(self, ns: int, number: int, level: int) -> None:
        with self._came:
            self._numbers += 1
            event_type = _RISING if level else _FALLING
            self._events.append(EdgeEvent(event_type, ns, number, self._numbers, self._numbers))
            self._came.notify_all()

    def get_value(self, line):
        value = gpiod.line.Value
        return value.ACTIVE if self._chip.levels.get(line) else value.INACTIVE

    def set_value(self, line, value):
        self._chip.set(line, int(value == gpiod.line.Value.ACTIVE))

    def wait_edge_events(self, timeout=None):
        with self._came:
            return self._came.wait_for(lambda: bool(self._events), timeout)

    def read_edge_events(self, max_events=None):
        with self._came:
            number = min(len(self._events), max_events or len(self._events))
            return [self._events.popleft() for _ in range(number)]

    def release(self):
        self._chip.watched = None
