"""The rig's clock against the host's: offset and rate by round trips, with what is not known about both.

A round trip says no more than that the rig's clock was read between sending and receiving. The quickest ones say most:
a line through their middles is the relation, and half the quickest trip bounds how far off the middle may be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hil.errors import RigFault

_SHARE = 4  # the quickest one of so many trips is kept in each stretch of time
_LEAST = 8  # trips, to say anything


class Trip(NamedTuple):
    """Host's time at sending and at receiving, and the rig's between; microseconds."""

    sent_us: float
    rig_us: float
    received_us: float

    @property
    def length_us(self) -> float:
        return self.received_us - self.sent_us

    @property
    def middle_us(self) -> float:
        return (self.sent_us + self.received_us) / 2


@dataclass(frozen=True)
class Limits:
    """What a rig must keep to be trusted: a crystal is within 100 ppm, a USB round trip within some ms."""

    drift_ppm: float = 100.0
    uncertainty_us: float = 5000.0


@dataclass(frozen=True)
class Calibration:
    """host = host_us + (rig - rig_us) * (1 - drift_ppm / 1e6); a positive drift is a rig that runs fast."""

    host_us: float
    rig_us: float
    drift_ppm: float
    drift_uncertainty_ppm: float
    uncertainty_us: float
    trips: int

    def to_host_us(self, rig_us: float) -> float:
        return self.host_us + (rig_us - self.rig_us) * (1 - self.drift_ppm / 1e6)

    def to_rig_us(self, host_us: float) -> float:
        return self.rig_us + (host_us - self.host_us) / (1 - self.drift_ppm / 1e6)

    def check(self, limits: Limits) -> None:
        """RigFault if the clock is surely out of its limits, or too little is known to tell."""
        if self.uncertainty_us > limits.uncertainty_us:
            raise RigFault(
                f"the rig's time is known to {self.uncertainty_us:.0f} us only, {limits.uncertainty_us:.0f} us are "
                "allowed: is the link or the host busy?"
            )
        if abs(self.drift_ppm) - self.drift_uncertainty_ppm > limits.drift_ppm:
            raise RigFault(
                f"the rig's clock is off by {self.drift_ppm:.0f} +- {self.drift_uncertainty_ppm:.0f} ppm, "
                f"{limits.drift_ppm:.0f} ppm are allowed: nothing it measures may be judged"
            )

    def stamp(self) -> dict:
        """For a report."""
        return {
            "drift_ppm": round(self.drift_ppm, 2),
            "drift_uncertainty_ppm": round(self.drift_uncertainty_ppm, 2),
            "offset_uncertainty_us": round(self.uncertainty_us, 1),
            "round_trips": self.trips,
        }


def calibrate(trips: Sequence[Trip]) -> Calibration:
    """Least squares through the quickest trips of each stretch of time. RigFault if there are too few."""
    if len(trips) < _LEAST:
        raise RigFault(f"{len(trips)} round trips are too few to know the rig's time, it takes {_LEAST}")
    best = [min(trips[i : i + _SHARE], key=lambda trip: trip.length_us) for i in range(0, len(trips), _SHARE)]
    host_us = sum(trip.middle_us for trip in best) / len(best)
    rig_us = sum(trip.rig_us for trip in best) / len(best)
    spread = sum((trip.middle_us - host_us) ** 2 for trip in best)
    slope = sum((trip.middle_us - host_us) * (trip.rig_us - rig_us) for trip in best) / spread
    uncertainty_us = max(trip.length_us for trip in best) / 2
    # each end of the line may be off by so much in the other direction
    span_us = best[-1].middle_us - best[0].middle_us
    return Calibration(
        host_us=host_us,
        rig_us=rig_us,
        drift_ppm=(slope - 1) * 1e6,
        drift_uncertainty_ppm=2 * uncertainty_us / span_us * 1e6,
        uncertainty_us=uncertainty_us,
        trips=len(trips),
    )
