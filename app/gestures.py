"""Keys to triggers: a hold belongs to the highest threshold that it reached, decided on release.

    PWR_SW1 in IDLE   0 ---- 1 s --------- 3 s --------- 5 s ------------------ 15 s
                      nothing | private mode | WiFi       | power off           | force reset, while held

Each threshold passed gives a cue, so that the person feels what a release now means.
"""

import asyncio
from time import ticks_diff, ticks_ms

from micropython import const

from app import states

_LOOK_MS = const(10)  # while a contact settles
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
        self._machine.at_ms = at_ms
        reached = self._reached(held_ms)
        if reached and not self._reset(reached[-1]) and self._is_gesture():
            self._machine.fire((self._name, reached[-1]))
        self._mine = self._may_reset = True

    async def _held(self):
        """Give the cues of the thresholds passed; fire the one that does not wait for a release."""
        held_ms = ticks_diff(ticks_ms(), self._key.down_since)
        reached = self._reached(held_ms)
        if reached:
            self._reset(reached[-1])
        if self._is_gesture() and len(reached) > self._cues:
            self._cues = len(reached)
            self._indicators.vibrate(True)
            await asyncio.sleep_ms(_CUE_MS)
            self._indicators.vibrate(False)
        else:
            await self._edge(held_ms, len(reached))

    async def _edge(self, held_ms, passed):
        """Until the key moves, or has been held for its next threshold."""
        ahead = states.holds(self._machine.state, self._name)[passed:]
        if not ahead:
            await self._key.changed.wait()
            return
        try:
            await asyncio.wait_for_ms(self._key.changed.wait(), ahead[0] - held_ms)
        except asyncio.TimeoutError:
            return

    def _reached(self, held_ms):
        return [ms for ms in states.holds(self._machine.state, self._name) if ms <= held_ms]

    def _reset(self, threshold_ms):
        """Force the reset if the hold is one for it; whether it is."""
        if threshold_ms < _FORCE_RESET_MS:
            return False
        if self._may_reset:
            self._machine.fire((self._name, threshold_ms))
        return True

    def _is_gesture(self):
        """Begun in this state, and not the hold that powered the board on."""
        return self._mine and self._state == self._machine.state
