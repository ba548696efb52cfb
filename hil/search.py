"""Where a device changes its mind: a threshold found by trying, and halving what is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from hil.errors import DeviceFault
from hil.judging import Found

MOST_TRIES = 40
_WIDER = 4


class Tried(NamedTuple):
    """What a try really was (the rig measures what it did), in the unit of the search, and what came of it."""

    reached: bool
    at: float
    uncertainty: float


Try = Callable[[float], Tried]


def threshold(attempt: Try, near: float, within: float, step: float) -> Found:
    """The value from which on `attempt` is reached, to half of `step` and what the rig adds to that.

    It is looked for from `near - within` to `near + within`, and wider where it is not between these; `step` is the
    finest one that the stimulus can make. DeviceFault if there is no such value within 40 tries.
    """
    tries = _Tries(attempt)
    tries.until(False, near, -within)
    tries.until(True, near, within)
    (low, below), (high, above) = tries.bracket()
    while high - low > 1.5 * step:
        middle = low + max(1, round((high - low) / 2 / step)) * step
        tried = tries(middle)
        if tried.reached:
            high, above = middle, tried
        else:
            low, below = middle, tried
    half = (above.at - below.at) / 2
    return Found(below.at + half, abs(half) + max(below.uncertainty, above.uncertainty))


class _Tries:
    def __init__(self, attempt: Try):
        self._attempt = attempt
        self._all: list[tuple[float, Tried]] = []

    def __call__(self, value: float) -> Tried:
        if len(self._all) == MOST_TRIES:
            raise DeviceFault(f"no threshold in {MOST_TRIES} tries: {self.story()}")
        self._all.append((value, self._attempt(value)))
        return self._all[-1][1]

    def bracket(self) -> tuple[tuple[float, Tried], tuple[float, Tried]]:
        """The last (value, try) that did not reach it, and the first that did; of one that is unsure they may cross."""
        below = max((each for each in self._all if not each[1].reached), key=lambda each: each[0])
        return below, min((each for each in self._all if each[1].reached), key=lambda each: each[0])

    def until(self, reached: bool, near: float, away: float) -> None:
        """Try ever further away from `near`, until one ends so."""
        while self(near + away).reached != reached:
            if near + away * _WIDER <= 0:
                raise DeviceFault(f"no threshold near {near:g}: {self.story()}")
            away *= _WIDER

    def story(self) -> str:
        return ", ".join(f"{t.at:g} {'yes' if t.reached else 'no'}" for _, t in self._all)
