"""Look for a life that breaks a rule, and leave out of it what it does not need for that."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.properties import report
from tests.properties.life import Life
from tests.properties.lives import lives
from tests.properties.observed import Broken, Observed
from tests.properties.rules import violations
from tests.properties.run import live
from tools.virtual.trace import Trace

_ROUND = 16  # lives drawn by one search; searches go on until the hours are lived
_SHRINK_S = 60


class RuleBroken(AssertionError):
    """The text names the rules, and the file with the shortest life that breaks one."""


@dataclass
class Lived:
    """What was looked at."""

    hours: float = 0.0
    lives: int = 0
    boots: int = 0
    state_h: Counter[str] = field(default_factory=Counter)
    ways: Counter = field(default_factory=Counter)

    def add(self, life: Life, seen: Observed) -> None:
        self.hours += life.hours
        self.lives += 1
        self.boots += len(seen.trace.boots)
        for span in seen.states:
            self.state_h[span.what] += span.s / 3600  # type: ignore[assignment]  # hours, not counts
        self.ways.update((way.source, way.trigger, way.target) for way in seen.ways)
        self.ways.update(("SPL", f"row {d.row}", d.state) for d in seen.decisions)

    def record(self) -> dict:
        """As JSON can carry it."""
        ways = {f"{source} -> {target} ({trigger})": n for (source, trigger, target), n in self.ways.items()}
        return {
            "hours": self.hours, "lives": self.lives, "boots": self.boots, "state_h": dict(self.state_h), "ways": ways,
        }  # fmt: skip


def explore(part: int, hours: float, files: Mapping[str, bytes], tables: dict, keep: Path) -> Lived:
    """Live for `hours` in all; RuleBroken with its trace in the file `keep`. The same part lives the same lives."""
    search = _Search(hours, files, tables, keep)
    number = 0
    while search.lived.hours < hours:
        search.round(part * 1_000_000 + number)
        number += 1
    return search.lived


class _Search:
    def __init__(self, hours: float, files: Mapping[str, bytes], tables: dict, keep: Path):
        self.lived = Lived()
        self._hours, self._files, self._tables, self._keep = hours, files, tables, keep
        self._found: RuleBroken | None = None

    def round(self, number: int) -> None:
        @seed(number)
        @settings(
            max_examples=_ROUND, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(lives)
        def holds(life: Life) -> None:
            self._check(life)

        holds()
        if (
            self._found
        ):  # not raised above, lest hypothesis begins to shrink it in its own way, which knows no time
            raise self._found

    def _check(self, life: Life) -> None:
        if self._found or self.lived.hours >= self._hours:
            return
        trace, seen = live(life, self._files)
        broken = violations(seen, self._tables)
        if broken:
            self._found = RuleBroken(report.kept(*self._shrunk(life, trace, broken), self._keep))
        self.lived.add(life, seen)

    def _shrunk(self, life: Life, trace: Trace, broken: list[Broken]) -> tuple[Trace, list[Broken]]:
        """The same with fewer orders: which may go is tried in ever smaller pieces, for a while."""
        until = time.monotonic() + _SHRINK_S
        rule = broken[0][1].split(":")[0]
        life = life.until(broken[0][0])
        piece = len(life.orders) // 2
        while piece and time.monotonic() < until:
            for shorter in life.shorter(piece):
                again, seen = live(shorter, self._files)
                still = [found for found in violations(seen, self._tables) if found[1].startswith(rule + ":")]
                if still:
                    life, trace, broken = shorter.until(still[0][0]), again, still
                    break
            else:
                piece //= 2
        return trace, broken
