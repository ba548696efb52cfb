"""From which hold on the device does what the specification says: searched for, not assumed."""

import pytest

from hil.search import Tried, threshold
from tests.hil.device import bring, held, texts
from tests.hil.holds import HOLDS, Hold, is_done

TOLERANCE_MS = 5  # specification, section 4: a hold is measured to within 5 ms on a board
STEP_MS = 1.0
_SETTLED_MS = 500  # after a release: the contact settles, the log says what was done
_PHASE_MS = 331  # presses begin at another time of the device's loop each

pytestmark = pytest.mark.needs("keys", "capture", "serial")
each_hold = pytest.mark.parametrize("hold", HOLDS, ids=str)


def reached(rig, hold: Hold, ms: float, bounce: bool = False) -> bool:
    """Hold it for so long in its state; whether it did what that is for."""
    bring(rig, hold.start)
    since_us = rig.now_us()
    rig.press(hold.key, ms, bounce)
    rig.wait(ms + _SETTLED_MS)
    return is_done(hold, texts(rig, since_us))


@each_hold
def test_threshold(rig, judge, repeats, hold):
    """The hold from which on it is done, by bisection."""

    def attempt(ms: float) -> Tried:
        bring(rig, hold.start)
        with rig.capture(hold.key) as seen:
            done = reached(rig, hold, ms)
        return Tried(done, *held(seen, hold.key))

    found = []
    for turn in range(repeats):
        rig.wait(100 + turn * _PHASE_MS)
        found.append(threshold(attempt, hold.ms, TOLERANCE_MS, STEP_MS))
    judge(
        hold.name, found, nominal=hold.ms, low=hold.ms - TOLERANCE_MS, high=hold.ms + TOLERANCE_MS,
        spec=f"section {hold.spec}",
    )  # fmt: skip


@pytest.mark.needs("bounce")
@each_hold
def test_bounce_neither_shortens_nor_lengthens_it(rig, hold):
    """Just under and just over the threshold, with a contact that chatters at both ends."""
    assert not reached(rig, hold, hold.ms - TOLERANCE_MS - 1, bounce=True)
    assert reached(rig, hold, hold.ms + TOLERANCE_MS + 1, bounce=True)
