"""At each threshold passed the device says what a release now means: a vibration."""

import pytest

from hil.judging import Found
from tests.hil.device import bring
from tests.hil.holds import HOLDS, before

EARLY_MS, LATE_MS = 2, 15  # its clock ticks in milliseconds; it has other things to do
CUED = [hold for hold in HOLDS if hold.start != "OFF" and hold.ms < 15_000]


@pytest.mark.needs("keys", "capture", "serial")
@pytest.mark.parametrize("hold", CUED, ids=str)
def test_cue(rig, judge, repeats, hold):
    """From the press to the vibration of its threshold."""
    nth = len(before(hold))
    found = []
    for turn in range(repeats):
        bring(rig, hold.start)
        rig.wait(100 + 331 * turn)
        with rig.capture(hold.key, "HAPTIC") as seen:
            rig.press(hold.key, hold.ms + 200)
            rig.wait(hold.ms + 700)
        down, up = seen.of(hold.key)
        rises = [edge for edge in seen.of("HAPTIC", 1) if down.t_us < edge.t_us < up.t_us]
        assert len(rises) == nth + 1, f"{len(rises)} cues in a hold of {hold.ms + 200} ms"
        delay = seen.interval(down, rises[nth])
        found.append(Found(delay.value_us / 1000, delay.uncertainty_us / 1000))
    judge(
        f"cue of {hold.name}",
        found,
        nominal=hold.ms,
        low=hold.ms - EARLY_MS,
        high=hold.ms + LATE_MS,
        spec="section 4, cue",
    )
