"""The last seconds of a board that runs: every signal over time, for the plot and for the keys' rings."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from copy import deepcopy

from tools.virtual.signals import Signal, signals
from tools.virtual.trace import Edge, Order, Trace
from tools.virtual.world import World

WINDOW_S = 20.0
_CALM_US = 500_000  # after an order, until it is certain that the world tells of it
_KEEP_US = 1_000_000  # from one kept world to the next


class History:
    """Is told news by `take`; a kept world and what was done to it since give each input's edges to the microsecond."""

    def __init__(self) -> None:
        self._worlds: deque[tuple[int, dict]] = deque()
        self._orders: deque[Order] = deque()
        self._edges: deque[Edge] = deque()
        self._before: dict[str, int] = {}  # the outputs before the first edge that is kept
        self.states = Signal("text")
        self.signals: dict[str, Signal] = {}
        self.start_us = 0
        self.world = World()  # as it was told last

    def take(self, news: dict) -> None:
        now_us, world = news["now_us"], news["world"]
        self.world = World(deepcopy(world))
        self._orders += [Order(t, name, tuple(rest)) for t, name, rest in news["orders"] if name != "found"]
        self._edges += [Edge(*edge) for edge in news["edges"]]
        self._keep(world, news["rate"])
        if not self.states.points or self.states.points[-1][1] != news["state"]:
            last_us = self._edges[-1].t if self._edges else 0
            self.states.add(max(now_us, last_us) if self.states.points else 0, news["state"])
        self._reckon(now_us)

    def _keep(self, world: dict, rate: float) -> None:
        """Take the world as it is for a place to start from, and forget what came before the window."""
        now_us = world["now_us"]
        calm = not self._orders or now_us - self._orders[-1].t > _CALM_US * rate
        if not self._worlds or (calm and now_us - self._worlds[-1][0] > _KEEP_US * rate):
            self._worlds.append((now_us, world))
        first_us = now_us - int(WINDOW_S * rate * 1e6)
        while len(self._worlds) > 1 and self._worlds[1][0] <= first_us:
            self._worlds.popleft()
        self.start_us = self._worlds[0][0]
        while self._orders and self._orders[0].t < self.start_us:
            self._orders.popleft()
        while self._edges and self._edges[0].t <= self.start_us:
            edge = self._edges.popleft()
            self._before[edge.signal] = edge.value

    def _reckon(self, now_us: int) -> None:
        before = [Edge(self.start_us, name, value) for name, value in self._before.items()]
        trace = Trace({}, self._worlds[0][1], list(self._orders), [*before, *self._edges], [], [], now_us + 1)
        self.signals = {**signals(trace), "state": self.states}

    def down(self, key: str) -> tuple[int, str] | None:
        """Since when a key is down, and the state that it was pressed in; None if it is up."""
        signal = self.signals[key]
        since_us, level = signal.points[-1]
        return (since_us, self._state_at(since_us)) if level == 0 else None

    def _state_at(self, t_us: int) -> str:
        """The state shortly before."""
        points = self.states.points
        number = bisect_right(points, t_us - 1, key=lambda point: point[0])
        return str(points[max(0, number - 1)][1])

    def rows(self, names: tuple[str, ...]) -> dict[str, dict]:
        """{name: {"kind", "points"}} of the window, for the page."""
        return {
            name: {"kind": signal.kind, "points": signal.within(self.start_us, 1 << 62).points}
            for name in names
            if (signal := self.signals[name])
        }
