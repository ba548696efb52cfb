"""What became of all points together."""

from __future__ import annotations

from dataclasses import dataclass

from tests.powercut.workers import Outcome


@dataclass
class Tally:
    points: int = 0
    old: int = 0
    new: int = 0
    bricked: int = 0

    def take(self, outcome: Outcome) -> None:
        self.points += 1
        if outcome.bricked:
            self.bricked += 1
        elif outcome.ran == "old":
            self.old += 1
        else:
            self.new += 1

    def add(self, other: Tally) -> None:
        self.points += other.points
        self.old += other.old
        self.new += other.new
        self.bricked += other.bricked

    def line(self) -> str:
        return f"cut points: {self.points}, old: {self.old}, new: {self.new}, bricked: {self.bricked}"
