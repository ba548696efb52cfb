"""Thresholds as a table: what a device was found to do, against what its specification allows.

A verdict has a guard band as wide as the uncertainty: PASS if the true value surely lies within the limits, FAIL if it
surely does not, INCONCLUSIVE if a limit lies within the band. Only PASS is a pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from hil.capture import FAIL, INCONCLUSIVE, PASS
from hil.errors import DeviceFault


class Inconclusive(Exception):
    """A limit lies within the uncertainty of what was measured: neither pass nor failure. Measure better."""


@dataclass(frozen=True)
class Found:
    """A value, and how far the true one may be from it; in the unit of its threshold."""

    value: float
    uncertainty: float


@dataclass
class Threshold:
    """One row of the report. `spec` says where the nominal value is from; a limit of None is none."""

    name: str
    spec: str
    unit: str
    nominal: float
    low: float | None
    high: float | None
    found: list[Found] = field(default_factory=list)

    @property
    def least(self) -> float:
        return min(f.value for f in self.found)

    @property
    def median(self) -> float:
        return median(f.value for f in self.found)

    @property
    def most(self) -> float:
        return max(f.value for f in self.found)

    @property
    def uncertainty(self) -> float:
        return max(f.uncertainty for f in self.found)

    @property
    def margin(self) -> float:
        """From the worst value to the nearest limit; negative outside of it."""
        below = [self.least - self.low] if self.low is not None else []
        above = [self.high - self.most] if self.high is not None else []
        return min(below + above)

    @property
    def verdict(self) -> str:
        if not self.found:
            return INCONCLUSIVE
        if abs(self.margin) < self.uncertainty:
            return INCONCLUSIVE
        return PASS if self.margin >= 0 else FAIL

    @property
    def limits(self) -> str:
        if self.low is None or self.high is None:
            return f"at least {self.low:g}" if self.high is None else f"at most {self.high:g}"
        return f"{self.low:g} to {self.high:g}"

    def __str__(self) -> str:
        if not self.found:
            return f"{self.name}: nothing was measured"
        spread = f", {self.least:.4f} to {self.most:.4f} in {len(self.found)}" if len(self.found) > 1 else ""
        return (
            f"{self.name}: {self.median:.4f} {self.unit} +- {self.uncertainty:.4f} {self.unit}{spread}; "
            f"nominal {self.nominal:g}, allowed {self.limits}: {self.verdict}"
        )

    def record(self) -> dict:
        """For a report: JSON can carry it."""
        head = {
            "name": self.name, "spec": self.spec, "unit": self.unit, "nominal": self.nominal,
            "low": self.low, "high": self.high, "repeats": len(self.found), "verdict": self.verdict,
        }  # fmt: skip
        if not self.found:
            return head
        rounded = {
            "min": self.least, "median": self.median, "max": self.most,
            "uncertainty": self.uncertainty, "margin": self.margin,
        }  # fmt: skip
        return head | {name: round(value, 6) for name, value in rounded.items()}


class Judge:
    """Fixture `judge`: each call is a row of the report; what does not pass is raised, once the row is written."""

    def __init__(self, rows: list[Threshold]):
        self._rows = rows

    def __call__(
        self, name: str, found: Sequence[Found], *, nominal: float, low: float | None = None,
        high: float | None = None, unit: str = "ms", spec: str = "",
    ) -> Threshold:  # fmt: skip
        """DeviceFault if it fails, Inconclusive if that can't be told."""
        if low is None and high is None:
            raise ValueError(f"{name}: without a limit there is nothing to judge")
        row = Threshold(name, spec, unit, nominal, low, high, list(found))
        self._rows.append(row)
        if row.verdict == FAIL:
            raise DeviceFault(str(row))
        if row.verdict == INCONCLUSIVE:
            raise Inconclusive(f"{row}; a limit lies within the uncertainty")
        return row
