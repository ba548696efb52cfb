"""What a life left behind, as the rules look at it: moments, and spans of time in which something held."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from tests.properties.weather import Level, Sample
from tools.virtual import log
from tools.virtual.trace import Trace

Broken = tuple[int, str]  # when a rule was, and in words how

BOUNCE_US = 20_000
_APP = re.compile(r"app \S+ in slot ., state (\w+)")
_DECIDED = re.compile(r"spl: row (\d+) -> (\w+)")


@dataclass(frozen=True)
class Span:
    """From `start_us` up to `end_us`."""

    start_us: int
    end_us: int
    what: str = ""

    @property
    def s(self) -> float:
        return (self.end_us - self.start_us) / 1e6

    def __contains__(self, t_us: int) -> bool:
        return self.start_us <= t_us < self.end_us

    def __str__(self) -> str:
        return f"{self.what} from {self.start_us / 1e6:.3f} s for {self.s:.3f} s".strip()


@dataclass(frozen=True)
class Way:
    """A change of state that the app told."""

    t_us: int
    source: str
    target: str
    trigger: str

    def __str__(self) -> str:
        return f"{self.source} -> {self.target} ({self.trigger}) at {self.t_us / 1e6:.3f} s"


@dataclass(frozen=True)
class Decision:
    """What the SPL told; `start_us` is when the board woke or was reset."""

    start_us: int
    row: int
    state: str

    def __str__(self) -> str:
        return f"row {self.row} of the SPL -> {self.state} at {self.start_us / 1e6:.3f} s"


@dataclass
class Observed:
    """All times are microseconds since the battery was first put in.

    weather   what the world was
    levels    the changes of the signals that go into the board
    sessions  the folders on the card that hold a session
    """

    trace: Trace
    weather: list[Sample]
    levels: list[Level]
    sessions: set[str]

    @property
    def end_us(self) -> int:
        return self.trace.end_us

    @cached_property
    def ways(self) -> list[Way]:
        told = ((line.t, log.change(line.text)) for line in self.trace.lines)
        return [Way(t_us, *change) for t_us, change in told if change and change.source != "SPL"]

    @cached_property
    def decisions(self) -> list[Decision]:
        found = ((line.t, _DECIDED.match(line.text)) for line in self.trace.lines)
        return [Decision(self.start_us(t_us), int(m[1]), m[2]) for t_us, m in found if m]

    def start_us(self, t_us: int) -> int:
        """When the run of the board began that goes on at this time."""
        boots_us = [boot.t for boot in self.trace.boots]
        return boots_us[max(0, bisect_right(boots_us, t_us) - 1)]

    @cached_property
    def starts(self) -> list[tuple[int, str]]:
        """(t_us, state) of each start of the app."""
        return [(line.t, m[1]) for line in self.trace.lines if (m := _APP.search(line.text))]

    @cached_property
    def states(self) -> list[Span]:
        """The states of the app; a restart, a pulled battery and the end of the life end one."""
        begins = self.starts + [(way.t_us, way.target) for way in self.ways if way.target != way.source]
        cuts_us = [order.t for order in self.trace.orders if order.command == "cut_power"]
        ends = [(t_us, "") for t_us in (*(boot.t for boot in self.trace.boots), *cuts_us, self.end_us)]
        marks = sorted([*ends, *begins], key=lambda mark: mark[0])
        return [Span(t, n, state) for (t, state), (n, _) in pairwise(marks) if state]

    def when(self, condition: Callable[[Sample], bool]) -> list[Span]:
        """When it held of the world."""
        return _spans(((s.t_us, condition(s)) for s in self.weather), self.end_us)

    def during(self, start_us: int, end_us: int) -> list[Sample]:
        """The samples that held at some moment of this time."""
        first = bisect_right(self._sampled_us, start_us) - 1
        return self.weather[max(0, first) : bisect_right(self._sampled_us, end_us)]

    @cached_property
    def _sampled_us(self) -> list[int]:
        return [sample.t_us for sample in self.weather]

    def within(self, state: str) -> list[Span]:
        return [span for span in self.states if span.what == state]

    @cached_property
    def loaded(self) -> list[Span]:
        """When the load was on."""
        edges = ((edge.t, edge.value > 0) for edge in self.trace.edges if edge.signal == "LOAD")
        return _spans(edges, self.end_us)

    @property
    def awake(self) -> list[Span]:
        return [span for span in self.states if span.what in ("IDLE", "RECORD", "DISCHARGE")]

    @cached_property
    def holds(self) -> list[Span]:
        """Presses of the keys, without bounce: from the first edge of the press to the first of the release."""
        return [hold for key in ("PWR_SW1", "PWR_SW2") for hold in self._holds_of(key)]

    def _holds_of(self, key: str) -> list[Span]:
        lows = _spans(
            ((t_us, level == 0) for t_us, signal, level in self.levels if signal == key), self.end_us
        )
        groups: list[list[Span]] = []
        for low in lows:
            if groups and low.start_us - groups[-1][-1].end_us < BOUNCE_US:
                groups[-1].append(low)
            else:
                groups.append([low])
        steady = [(group, [low for low in group if low.s * 1e6 >= BOUNCE_US]) for group in groups]
        return [Span(group[0].start_us, long[-1].end_us, key) for group, long in steady if long]


def both(first: Iterable[Span], second: list[Span]) -> list[Span]:
    """When two things held at once, named after the first; each list is in order of time."""
    found, i = [], 0
    for a in first:
        while i and second[i - 1].end_us > a.start_us:
            i -= 1
        while i < len(second) and second[i].start_us < a.end_us:
            start_us, end_us = max(a.start_us, second[i].start_us), min(a.end_us, second[i].end_us)
            if start_us < end_us:
                found.append(Span(start_us, end_us, a.what))
            i += 1
    return found


def _spans(marks: Iterable[tuple[int, bool]], end_us: int) -> list[Span]:
    """Where the marks, in order of time, say True."""
    spans, since = [], None
    for t_us, holds in marks:
        if holds and since is None:
            since = t_us
        elif not holds and since is not None:
            spans.append(Span(since, t_us))
            since = None
    return spans if since is None else [*spans, Span(since, end_us)]
