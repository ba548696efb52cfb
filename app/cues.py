"""What the person feels and sees of a recording, as a table."""

import asyncio

# name: (milliseconds on, off, on ... of the vibration; whether the record light goes dark while it vibrates)
CUES = {
    "start": ((200,), False),
    "reminder": ((80,), True),
    "bookmark": ((60, 80, 60), False),
    "low battery": ((60, 100, 60, 100, 60), True),
    "storage full": ((600, 200, 600), True),
    "failed": ((600, 200, 600, 200, 600), True),
}


class Cues:
    def __init__(self, indicators, dark):
        """`dark()`: whether no light may be lit."""
        self._indicators, self._dark = indicators, dark
        self._task = None

    def give(self, name):
        """Begin a cue; one that goes on is over."""
        if self._task:
            self._task.cancel()
        self._task = asyncio.create_task(self._play(*CUES[name]))

    async def _play(self, pattern, blinks):
        blinks = blinks and not self._dark()
        try:
            for i, ms in enumerate(pattern):
                self._set(i % 2 == 0, blinks)
                await asyncio.sleep_ms(ms)
        finally:
            self._set(False, blinks)
            if self._task is asyncio.current_task():
                self._task = None

    def _set(self, on, blinks):
        self._indicators.vibrate(on)
        if blinks and self._indicators.records:  # it may have ended meanwhile
            self._indicators.light_record(not on)
