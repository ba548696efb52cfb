"""What a run on a rig found: one case a test, as the report shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

# the outcomes of a case, worst first
RIG_FAULT, TEST_ERROR, DEVICE_FAULT, INCONCLUSIVE, SKIPPED, PASSED = OUTCOMES = (
    "rig fault", "test error", "device fault", "inconclusive", "skipped", "passed",
)  # fmt: skip


@dataclass
class Case:
    """`text` says why it is not passed; `picture` is SVG, `thresholds` are rows of hil.judging."""

    name: str
    title: str
    outcome: str = PASSED
    text: str = ""
    seconds: float = 0.0
    device_s: float = 0.0  # of the device's time that was watched
    thresholds: list[dict] = field(default_factory=list)
    picture: str = ""
    log: list[str] = field(default_factory=list)

    def worsen(self, outcome: str, text: str) -> None:
        if OUTCOMES.index(outcome) < OUTCOMES.index(self.outcome):
            self.outcome, self.text = outcome, text


@dataclass
class Run:
    """`stamp`: what the rig found out about itself at the start; `self_test`: its loopback, {} without one."""

    rig: str
    backend: str = ""
    stamp: dict = field(default_factory=dict)
    self_test: dict = field(default_factory=dict)
    capabilities: list[str] = field(default_factory=list)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds: float = 0.0
    cases: list[Case] = field(default_factory=list)

    @property
    def device_s(self) -> float:
        return sum(case.device_s for case in self.cases)

    @property
    def thresholds(self) -> list[dict]:
        return [row for case in self.cases for row in case.thresholds]

    def counts(self) -> dict[str, int]:
        """{outcome: number of cases}, of those that there are."""
        found = {outcome: sum(case.outcome == outcome for case in self.cases) for outcome in OUTCOMES}
        return {outcome: number for outcome, number in found.items() if number}
