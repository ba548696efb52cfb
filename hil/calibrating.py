"""A longer look at a rig's clock than a session takes: what it may be held to."""

from __future__ import annotations

import time
from dataclasses import dataclass

from hil.bench import Bench
from hil.errors import MisuseError

_PAUSE_S = 0.5
_ROOM = 3  # a limit leaves so much room over what was measured
_CRYSTAL_PPM = 50.0  # and is no tighter than this: crystals differ by 30 ppm, and with the temperature


@dataclass(frozen=True)
class Calibrated:
    """`stamp`: what the rig knows of its clock; `errors_us`: of each pulse over the loopback."""

    stamp: dict
    errors_us: list[float]

    def words(self) -> list[str]:
        drift, sure = self.stamp["drift_ppm"], self.stamp["drift_uncertainty_ppm"]
        least, most = min(self.errors_us), max(self.errors_us)
        return [
            f"clock     {drift:+.1f} ppm +- {sure:.1f} ppm against this host's, from {self.stamp['round_trips']} trips",
            f"offset    known to {self.stamp['offset_uncertainty_us']:.0f} us",
            f"loopback  {len(self.errors_us)} pulses, off by {least:+.1f} to {most:+.1f} us",
        ]

    def calibration(self) -> dict[str, float]:
        """For rigs.yaml: tight enough that a bench that gets worse is noticed."""
        return {
            "drift_ppm": max(_CRYSTAL_PPM, round(_ROOM * abs(self.stamp["drift_ppm"]))),
            "uncertainty_us": max(100.0, round(_ROOM * self.stamp["offset_uncertainty_us"])),
        }


def measure(bench: Bench, seconds: float) -> Calibrated:
    """Pulses over the loopback, again and again; MisuseError on a rig whose clock is the host's own."""
    rig = bench.rig
    if "drift_ppm" not in rig.stamp:
        raise MisuseError(f"rig {bench.name} ({bench.backend}) has no clock of its own to calibrate")
    end_s = time.monotonic() + seconds
    errors_us: list[float] = []
    while time.monotonic() < end_s or not errors_us:
        found = rig.self_test()
        errors_us.append(found["measured_us"] - found["nominal_us"])
        time.sleep(_PAUSE_S)
    return Calibrated(dict(rig.stamp), errors_us)
