"""Sound of the last seconds, kept in memory while nothing is recorded, to be put in front of a recording.

A microphone that listens and a processor that sleeps exclude each other, so it listens only where that costs no
battery: with external power, or where the settings say so all the same. Never in private mode.
"""

import asyncio
import gc

from micropython import const

from app import states
from app.pace import Pace
from app.ring import Ring
from bootloader import buffer
from wire.recordings import BYTES_PER_MS

TURN_BYTES = const(4000)  # an eighth of a second
_SHARE = const(4)  # of the free memory, a fourth at most


class PreEvent:
    """Parts of an `app.main.App`. `ring` and `pace` go on to the recorder."""

    def __init__(self, app):
        self._app = app
        self.ring = self.pace = None
        self._task = None
        self._told = False

    @staticmethod
    def wanted(app):
        settings = app.settings
        powered = settings.pre_event_on_battery or app.board.power.external()
        return bool(
            settings.pre_event_s and powered and not settings.private and app.machine.state == states.IDLE
        )

    @property
    def listens(self):
        return self._task is not None and not self._task.done()

    def look(self):
        """Once a second: it listens while it is wanted."""
        wanted = self.wanted(self._app)
        if wanted and not self.listens:
            self._start()
        elif self.listens and not wanted:
            self.stop()

    def _start(self):
        self._make_ring()
        if self.ring is None:
            return
        mic = self._app.board.mic
        try:
            mic.start()
        except OSError as error:
            self._tell(f"nothing is heard before a recording: {error}")
            return
        self.pace = Pace(mic.ring_bytes)
        self._task = asyncio.create_task(self._run())

    def _make_ring(self):
        """As long as the setting says, or as fits."""
        wanted = self._app.settings.pre_event_s * 1000 * BYTES_PER_MS
        if self.ring and self.ring.wanted == wanted:
            self.ring.drop(self.ring.count)
            return
        self.ring = None
        gc.collect()
        size = min(wanted, gc.mem_free() // _SHARE) // TURN_BYTES * TURN_BYTES
        while size and self.ring is None:
            try:
                self.ring = Ring(size, wanted)
            except MemoryError:  # not in one piece
                size = size // 2 // TURN_BYTES * TURN_BYTES
        if size < wanted:
            self._tell(
                f"memory for {size // BYTES_PER_MS} ms before a recording, not {wanted // BYTES_PER_MS}"
            )

    def _tell(self, text):
        if not self._told:
            self._app.log.warning(text)
            self._told = True

    async def _run(self):
        view = memoryview(buffer)[:TURN_BYTES]
        while True:
            self.pace.ask()
            count = await self._app.board.mic.readinto(view)
            self.ring.put(view[:count])
            lost = self.pace.took(count)
            while lost > 0:  # silence where it was
                part = min(lost, TURN_BYTES)
                view[:part] = bytes(part)
                self.ring.put(view[:part])
                lost -= part

    def hand_over(self):
        """To the recorder, the microphone running: True if it listened."""
        if not self.listens:
            return False
        self._task.cancel()
        self._task = None
        return True

    def stop(self):
        if self.hand_over():
            self._app.board.mic.stop()
        self.ring = self.pace = None
