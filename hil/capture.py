"""What a rig saw: edges with times, how sure they are, and whether any is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from hil.errors import DeviceFault, RigFault

PASS, FAIL, INCONCLUSIVE = "PASS", "FAIL", "INCONCLUSIVE"


class Edge(NamedTuple):
    """`signal` went to `level` at `t_us` of the rig's time."""

    t_us: float
    signal: str
    level: int


class Line(NamedTuple):
    """A line of the device's log; `exact` if the device stamped it, else it came at `t_us` or shortly before."""

    t_us: float
    text: str
    exact: bool


@dataclass(frozen=True)
class Measurement:
    """A length of time; the true one lies within `uncertainty_us` of `value_us`."""

    value_us: float
    uncertainty_us: float

    def verdict(self, low_us: float | None = None, high_us: float | None = None) -> str:
        """PASS or FAIL where that is sure, INCONCLUSIVE where a limit lies within the uncertainty."""
        least, most = self.value_us - self.uncertainty_us, self.value_us + self.uncertainty_us
        if (low_us is not None and most < low_us) or (high_us is not None and least > high_us):
            return FAIL
        if (low_us is not None and least < low_us) or (high_us is not None and most > high_us):
            return INCONCLUSIVE
        return PASS

    def __str__(self) -> str:
        return f"{self.value_us / 1000:.4f} ms +- {self.uncertainty_us / 1000:.4f} ms"


@dataclass
class Capture:
    """Edges in order of time. `reasons` say why it isn't complete: nothing may be judged by it then.

    levels          of each signal at `start_us`
    uncertainty_us  of the time of one edge
    rate_ppm        of the rig's clock, against true time
    """

    start_us: float
    uncertainty_us: float
    rate_ppm: float
    levels: dict[str, int] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    end_us: float = 0.0
    ended: bool = False

    @property
    def complete(self) -> bool:
        return self.ended and not self.reasons

    def check(self) -> None:
        """RigFault unless it is complete."""
        if not self.ended:
            raise RigFault("the capture still runs: judge it after its `with` block")
        if self.reasons:
            raise RigFault("the capture is not complete: " + "; ".join(self.reasons))

    def of(self, signal: str, level: int | None = None) -> list[Edge]:
        """The edges of a signal, or those to `level`."""
        return [e for e in self.edges if e.signal == signal and level in (None, e.level)]

    def interval(self, first: Edge, second: Edge) -> Measurement:
        """From one edge to another. RigFault if the capture isn't complete."""
        self.check()
        value_us = second.t_us - first.t_us
        return Measurement(value_us, 2 * self.uncertainty_us + abs(value_us) * self.rate_ppm / 1e6)

    def pulse(self, signal: str, level: int, nth: int = 0) -> Measurement:
        """How long `signal` stayed at `level`, the `nth` time it went there."""
        self.check()
        pairs = self._pairs(signal, level)
        if nth >= len(pairs):
            raise DeviceFault(f"{signal} went to {level} and back {len(pairs)} times, not {nth + 1}")
        return self.interval(*pairs[nth])

    def _pairs(self, signal: str, level: int) -> list[tuple[Edge, Edge]]:
        edges = self.of(signal)
        return [(a, b) for a, b in pairwise(edges) if a.level == level]

    def delay(self, cause: str, cause_level: int, effect: str, effect_level: int) -> Measurement:
        """From the first such edge of `cause` to the first such edge of `effect` after it."""
        self.check()
        causes = self.of(cause, cause_level)
        effects = [e for e in self.of(effect, effect_level) if causes and e.t_us >= causes[0].t_us]
        for signal, level, found in ((cause, cause_level, causes), (effect, effect_level, effects)):
            if not found:
                raise DeviceFault(f"{signal} never went to {level}")
        return self.interval(causes[0], effects[0])
