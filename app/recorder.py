"""Audio recordings: a folder a session with WAV segments and session.json."""

import asyncio
import json
import os
import time

from app.wav import WavFile
from board.microphone import BYTES_PER_S, RATE_HZ
from bootloader import buffer

_SILENCE = bytes(256)
_FOLDER = "REC"


class Recorder:
    """`start`, `stop`, `bookmark` and `mute` are at once; a task moves the samples. `failed(text)` hears of errors."""

    def __init__(self, mic, storage, settings, log, failed):
        self._mic, self._storage, self._settings, self._log, self._failed = (
            mic,
            storage,
            settings,
            log,
            failed,
        )
        self._buffer = buffer
        self._task = None
        self._folder = ""
        self._wav = None
        self._session = {}
        self.muted = False
        self.overrun_bytes = 0

    def start(self, kind, private, versions):
        """Begin a session; OSError if the storage can't take it."""
        self._folder = _new_folder(self._storage())
        self._session = {
            "v": 1, "kind": kind, "started": _utc(), "private": private, "versions": versions,
            "segments": [], "bookmarks": [], "muted": [], "bytes": 0, "closed": False,
        }  # fmt: skip
        self.muted, self.overrun_bytes = False, 0
        self._open_segment()
        self._mic.start()
        self._started_ms = time.ticks_ms()
        self._task = asyncio.create_task(self._run())
        self._log.info("recording " + self._folder)

    def offset_ms(self):
        """Length of what is recorded so far."""
        return self._session["bytes"] * 1000 // BYTES_PER_S

    def bookmark(self):
        self._session["bookmarks"].append(self.offset_ms())
        self._keep()
        self._log.info(f"bookmark at {self.offset_ms()} ms")

    def mute(self):
        """Toggle: while muted, silence is written and the timeline stays."""
        self.muted = not self.muted
        self._session["muted"].append([self.offset_ms(), self.muted])
        self._keep()

    def stop(self):
        """Close the session; harmless if there is none. What a failed storage can't take any more is logged."""
        if self._wav is None:
            return
        if self._task:
            self._task.cancel()
            self._task = None
        self._mic.stop()
        wav, self._wav = self._wav, None
        try:
            wav.close()
            self._session["closed"] = True
            self._keep()
        except OSError as error:
            self._log.warning(f"the recording could not be closed: {error}")
        self._log.info(f"recorded {self.offset_ms()} ms, {self.overrun_bytes} bytes lost to overruns")

    async def _run(self):
        try:
            while True:
                count = await self._mic.readinto(self._buffer)
                self._write(count)
        except OSError as error:
            self._task = None  # this one, which can't cancel itself
            self._failed(f"recording failed: {error}")

    def _write(self, count):
        if self.muted:
            for i in range(0, count, len(_SILENCE)):
                self._buffer[i : i + len(_SILENCE)] = _SILENCE
        self._wav.write(memoryview(self._buffer)[:count])
        before = self._session["bytes"]
        self._session["bytes"] = before + count
        if self._session["bytes"] // BYTES_PER_S != before // BYTES_PER_S:
            self._wav.sync()
            self._count_overrun()
        if self._wav.data_bytes >= self._settings.segment_s * BYTES_PER_S:
            self._wav.close()
            self._open_segment()

    def _count_overrun(self):
        """I2S overflows in silence: hold what came against the time that went by."""
        due = time.ticks_diff(time.ticks_ms(), self._started_ms) * BYTES_PER_S // 1000
        missing = due - self._session["bytes"] - self.overrun_bytes
        if missing > BYTES_PER_S:
            self.overrun_bytes += missing
            self._session["overrun_bytes"] = self.overrun_bytes
            self._log.warning(f"{missing} bytes of sound lost")

    def _open_segment(self):
        name = f"{len(self._session['segments']):03d}.wav"
        self._wav = WavFile(self._folder + "/" + name, RATE_HZ)
        self._session["segments"].append(name)
        self._keep()

    def _keep(self):
        """Write session.json: the new one beside the old, then renamed over it."""
        path = self._folder + "/session.json"
        with open(path + ".new", "w") as file:
            json.dump(self._session, file)
        os.rename(path + ".new", path)


def _utc():
    return "{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}Z".format(*time.gmtime()[:6])


def _new_folder(storage):
    """<storage>/REC/<UTC date>-<counter>; the counter goes on over days, so that a wrong clock repeats no name."""
    base = storage + "/" + _FOLDER
    if _FOLDER not in os.listdir(storage):
        os.mkdir(base)
    counters = [int(name.split("-")[-1]) for name in os.listdir(base) if name.split("-")[-1].isdigit()]
    folder = "{}/{:04d}-{:02d}-{:02d}-{:03d}".format(base, *time.gmtime()[:3], max(counters, default=0) + 1)
    os.mkdir(folder)
    return folder
