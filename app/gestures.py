"""Keys to triggers: a hold belongs to the highest threshold that it reached, decided on release.

    PWR_SW1 in IDLE   0 ---- 1 s --------- 3 s --------- 5 s ------------------ 15 s
                      nothing | private mode | WiFi       | power off           | force reset, while held

Each threshold passed gives a cue, so that the person feels what a release now means.
"""

import asyncio
from time import ticks_diff, ticks_ms

from micropython import const

from app import states

_LOOK_MS = const(10)  # while a key is down
_CUE_MS = const(60)
_FORCE_RESET_MS = const(15_000)


class KeyWatch:
    """Follows one key. `woke`: it woke the board, and may still force a reset before it is let go."""

    def __init__(self, name, key, machine, indicators, woke):
        self._name = name
        self._key = key
        self._machine = machine
        self._indicators = indicators
        self._cues = 0
        self._mine = key.down_since is None  # the hold that powered the board on is no gesture
        self._may_reset = self._mine or woke  # a key stuck down resets once, not for ever
        self._state = ""

    async def run(self):
        while True:
            change = self._key.poll()
            if change:
                self._changed(*change)
            elif not self._key.settled:
                await asyncio.sleep_ms(_LOOK_MS)  # it may be up already
            elif self._key.down_since is not None:
                await self._held()
            else:
                await self._key.changed.wait()

    def _changed(self, what, at_ms, held_ms):
        if what == "down":
            self._cues, self._state = 0, self._machine.state
            return
        if self._mine and self._state == self._machine.state:
            reached = [
                ms for ms in states.holds(self._state, self._name) if ms <= held_ms and ms < _FORCE_RESET_MS
            ]
            if reached:
                self._machine.fire((self._name, reached[-1]))
        self._mine = self._may_reset = True

    async def _held(self):
        """Give the cues of the thresholds passed; fire the one that does not wait for a release."""
        held_ms = ticks_diff(ticks_ms(), self._key.down_since)
        passed = [ms for ms in states.holds(self._machine.state, self._name) if ms <= held_ms]
        if self._may_reset and passed and passed[-1] >= _FORCE_RESET_MS:
            self._machine.fire((self._name, passed[-1]))
        if self._mine and len(passed) > self._cues:
            self._cues = len(passed)
            self._indicators.vibrate(True)
            await asyncio.sleep_ms(_CUE_MS)
            self._indicators.vibrate(False)
        else:
            await asyncio.sleep_ms(_LOOK_MS)
