"""The recorder: from microphone and camera into a session's segments.

    I2S, 500 ms in its driver --> [pre-event ring] --> an eighth of a second --> segment on the card
    camera, the newest JPEG ------------------------> the frames that are due --^

A card that takes its time holds up the program, not the sampling; what the driver could not keep is found (app/pace),
counted, and made up for by silence, so that the timeline stays.
"""

import asyncio
import gc
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from app import space
from app.cues import Cues
from app.pace import Pace
from app.preevent import TURN_BYTES
from app.session import Session
from bootloader import buffer
from wire.avi import Shape
from wire.recordings import BYTES_PER_MS, RATE_HZ

_SYNC_BYTES = const(32_000)  # a second
_LOOK_MS = const(1000)
_REMIND_MS = const(120_000)
_SILENT_MS = const(3000)  # a microphone that says nothing is broken
_LOW_MV = const(3500)
_VIDEO_SEGMENT_S = const(120)  # so that its index stays small
_ENOSPC = const(28)  # the errno module of a board lacks it
_CATCH_UP = const(4)  # eighths of a second from the ring, for one that comes


class Full(Exception):
    """There is no room on the medium, and nothing that may give way."""


class Recorder:
    """`start`, `stop`, `bookmark` and `mute` are at once; a task moves the samples. Parts are those of an App."""

    def __init__(self, app):
        self._app = app
        self._board, self._settings, self._log = app.board, app.settings, app.log
        self._cues = Cues(app.board.indicators, lambda: app.settings.private)
        self._view = memoryview(buffer)[:TURN_BYTES]
        self._session = self._camera = self._ring = self._pace = None
        self._tasks: list = []
        self.overruns = self.overrun_ms = 0  # since the start of the device

    @property
    def muted(self):
        return self._session is not None and self._session.muted

    @property
    def folder(self):
        """Of the session that goes on, or None."""
        return self._session and self._session.folder

    def start(self, kind, device_id, versions, before=None):
        """Begin a session; OSError if the storage can't take it. `before`: the PreEvent that has listened."""
        self._ring, self._pace = (before.ring, before.pace) if before else (None, None)
        self._storage = self._board.storage()
        if not self._settings.loop_recording and space.free_bytes(self._storage) < space.RESERVE_BYTES:
            raise OSError(f"{self._storage} is full")
        self._camera = self._board.camera if kind == "normal" else None
        about = {
            "kind": kind, "device": device_id, "versions": versions,
            "pre_event_ms": self._ring.count // BYTES_PER_MS if self._ring else 0,
        }  # fmt: skip
        shape, segment_s = None, self._settings.segment_s
        if self._camera:
            self._camera.start()
            shape = Shape(self._camera.width, self._camera.height, self._camera.fps, RATE_HZ)
            segment_s = min(segment_s, _VIDEO_SEGMENT_S)
        self._session = Session(self._storage, about, segment_s, shape)
        self._begin()

    def _begin(self):
        session = self._session
        self._lost_ms = self._overruns = self._synced = 0
        self._private = False
        self._look_at_private()
        self._low = False
        if self._pace is None:
            self._board.mic.start()
            self._pace = Pace(self._board.mic.ring_bytes)
        if self._ring and session.video:
            self._ring.drop(self._ring.count % TURN_BYTES)
            session.sound_only(True)
        self._before = self._ring.count if self._ring else 0  # of the sound that has no picture
        self._heard_ms = self._reminded_ms = ticks_ms()
        self._tasks = [asyncio.create_task(self._guarded(part)) for part in (self._run(), self._watch())]
        self._cues.give("start")
        self._log.info("recording " + session.folder)

    # -- what the person does

    def offset_bytes(self, at_ms):
        """Where in the session it was heard what sounded at `at_ms`."""
        kept = self._ring.count if self._ring else 0
        return max(0, self._session.length_bytes + kept + self._pace.waiting(at_ms))

    def bookmark(self, at_ms):
        offset = self.offset_bytes(at_ms)
        self._guard(self._session.bookmark, offset)
        self._cues.give("bookmark")
        self._log.info(f"bookmark at {offset // BYTES_PER_MS} ms")

    def mute(self, at_ms):
        """Toggle: while muted, silence is written and the timeline stays."""
        self._guard(self._session.mute, not self._session.muted, self.offset_bytes(at_ms))

    def stop(self):
        """Close the session; harmless if there is none. What a failed storage can't take any more is logged."""
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        self._tasks = []
        session, self._session = self._session, None
        if session:
            self._end(session)
        self._board.mic.stop()
        if self._camera:
            self._camera.stop()
        self._camera = self._ring = self._pace = None
        gc.collect()

    def _end(self, session):
        try:
            while self._ring and self._ring.count:
                session.sound(self._ring.take(TURN_BYTES))
            session.close(overruns={"count": self._overruns, "ms": self._lost_ms})
        except OSError as error:
            session.abandon()
            self._board.release_storage()
            self._log.warning(f"the recording could not be closed, it is repaired at a start: {error}")
        length_ms = session.length_bytes // BYTES_PER_MS
        self._log.info(f"recorded {length_ms} ms, {self._lost_ms} ms lost to overruns")

    # -- tasks

    async def _guarded(self, part):
        try:
            await part
        except (OSError, MemoryError) as error:
            self._failed(error)
        except Full:
            self._full()

    def _guard(self, act, *arguments):
        try:
            act(*arguments)
        except OSError as error:
            self._failed(error)

    def _failed(self, error):
        if isinstance(error, OSError) and error.errno == _ENOSPC:
            self._full()
            return
        self._cues.give("failed")
        self._app.recording_failed(f"recording failed: {error}")

    def _full(self):
        self._cues.give("storage full")
        self._app.recording_failed("storage full: the recording ends")

    async def _run(self):
        while True:
            await self._take_in()
            for _ in range(_CATCH_UP):
                if not (self._ring and self._ring.count):
                    break
                self._write(self._ring.take(TURN_BYTES))
                await asyncio.sleep_ms(0)

    async def _take_in(self):
        """An eighth of a second from the microphone, to the ring as long as there is one with something in it."""
        count = lost = 0
        while count < TURN_BYTES:
            self._pace.ask()
            came = await self._board.mic.readinto(self._view[count:])
            count += came
            lost += self._pace.took(came)
        self._heard_ms = ticks_ms()
        self._pass_on(self._view)
        if lost > 0:
            self._make_up(lost)

    def _pass_on(self, view):
        if self._ring and self._ring.count:
            self._ring.put(view)
        else:
            self._write(view)

    def _make_up(self, lost):
        """Silence for what was lost, so that what follows is where it belongs."""
        self._log.warning(f"{lost // BYTES_PER_MS} ms of sound lost: the card was too slow")
        self.overruns += 1
        self._overruns += 1
        self.overrun_ms += lost // BYTES_PER_MS
        self._lost_ms += lost // BYTES_PER_MS
        self._session.lost(lost)
        while lost:
            part = min(lost, TURN_BYTES)
            self._view[:part] = bytes(part)
            self._pass_on(self._view[:part])
            lost -= part

    def _write(self, view):
        session = self._session
        session.sound(view)
        if self._before:
            self._before -= len(view)
            if self._before <= 0:
                self._before = 0
                if self._camera:
                    session.sound_only(False)
        if self._camera and not self._before:
            self._write_frames()
        if session.length_bytes - self._synced >= _SYNC_BYTES:
            session.sync()
            self._synced = session.length_bytes

    def _write_frames(self):
        due = self._session.frames_due(self.offset_bytes(ticks_ms()))
        frame = self._camera.frame() if due else None
        while frame and due:
            self._session.frame(frame)
            due -= 1

    async def _watch(self):
        """Once a second: what may go wrong, and what the person is told."""
        while True:
            await asyncio.sleep_ms(_LOOK_MS)
            now_ms = ticks_ms()
            if ticks_diff(now_ms, self._heard_ms) > _SILENT_MS:
                raise OSError("the microphone gives no samples")
            if ticks_diff(now_ms, self._reminded_ms) >= _REMIND_MS:
                self._reminded_ms = ticks_add(self._reminded_ms, _REMIND_MS)
                self._cues.give("reminder")
            vbat_mv = self._app.safety.vbat_mv
            if not self._low and vbat_mv is not None and vbat_mv <= _LOW_MV:
                self._low = True
                self._cues.give("low battery")
            self._look_at_private()
            await self._look_at_space()

    def _look_at_private(self):
        if self._private != self._settings.private:
            self._private = self._settings.private
            self._session.private(self._private)

    async def _look_at_space(self):
        """Full: the oldest recording gives way, file by file, or this one ends."""
        while space.free_bytes(self._storage) < space.RESERVE_BYTES:
            folder = (
                space.oldest(self._storage, self._session.folder) if self._settings.loop_recording else None
            )
            if folder is None:
                raise Full
            self._log.info(f"{folder} gives way to this recording")
            while space.remove_one(folder):
                await asyncio.sleep_ms(0)
