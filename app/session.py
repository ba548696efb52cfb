"""A recording that goes on: its folder, its segments one after another, and its journal."""

import json
import os
import time

from app import config, segment, unfinished
from app.journal import Journal, write_document
from wire import recordings
from wire.recordings import BYTES_PER_MS

_FOLDER = "REC"
_SILENCE = bytes(256)


class Session:
    """`length_bytes` of sound so far. OSError of all that writes is the card's."""

    def __init__(self, storage, about, segment_s, shape=None):
        """`about` goes into the document; with a `shape` (wire/avi) the segments have video."""
        self.folder = _new_folder(storage)
        unfinished.add(self.folder)
        os.mkdir(self.folder)
        self.journal = Journal(self.folder)
        self.length_bytes = 0
        self.count = 0
        self.muted = self.kept = False
        self._shape = self._pictures = shape
        self._segment_bytes = segment_s * 1000 * BYTES_PER_MS
        self._mutes = []  # [from byte, to byte or None]
        self._writer = None
        head = dict(about)
        head.update(v=1, name=self.folder.split("/")[-1], started=_utc(), rate_hz=recordings.RATE_HZ)
        if shape:
            head.update(width=shape.width, height=shape.height, fps=shape.fps)
        self._chain = recordings.chain_start(head["device"], head["name"], head["started"])
        self.journal.add("head", head)
        with open(self.folder + "/" + recordings.DOCUMENT, "w") as file:
            json.dump(dict(head, closed=False), file)

    # -- sound and frames

    def sound(self, view):
        """Add sound; what is muted of it is silenced in place."""
        self._silence(view)
        while view:
            room = self._segment_bytes - self._open().sound_bytes
            part = view[:room]
            self._writer.write_sound(part)
            self.length_bytes += len(part)
            view = view[len(part) :]
            if self._writer.sound_bytes >= self._segment_bytes or self._writer.full:
                self._close_segment()

    def frame(self, view):
        self._open().write_frame(view)

    def frames_due(self, at_bytes):
        """How many frames the segment lacks that is heard at byte `at_bytes` of the session; 0 without video."""
        if self._writer is None and self.video:
            self._open()
        if not self._writer or self._writer.suffix != ".avi":
            return 0
        ms = (min(at_bytes - self._began, self._segment_bytes - 1)) // BYTES_PER_MS
        return max(0, ms * self._shape.fps // 1000 + 1 - self._writer.frames)

    @property
    def video(self):
        """Whether the next segment has video."""
        return self._shape is not None

    def sync(self):
        if self._writer:
            self._writer.sync()

    def _open(self):
        if self._writer is None:
            self._began = self.length_bytes
            self._writer = _writer(self.folder, self.count, self._shape)
            self.count += 1
        return self._writer

    def _close_segment(self):
        writer, self._writer = self._writer, None
        writer.close()
        self._chain = recordings.chain_next(self._chain, writer.digest)
        add_segment(self.journal, self.count - 1, writer.suffix, self._chain,
                    segment.facts(writer.digest, writer.sound_bytes, writer.frames))  # fmt: skip

    def sound_only(self, on):
        """What comes now has no picture: another segment, a WAV. And back again."""
        if self._writer:
            self._close_segment()
        self._shape = None if on else self._pictures

    def _silence(self, view):
        start, end = self.length_bytes, self.length_bytes + len(view)
        for begun, ended in self._mutes:
            first, last = max(begun, start), end if ended is None else min(ended, end)
            for at in range(first, last, len(_SILENCE)):
                size = min(len(_SILENCE), last - at)
                view[at - start : at - start + size] = _SILENCE[:size]
        while self._mutes and self._mutes[0][1] is not None and self._mutes[0][1] <= end:
            self._mutes.pop(0)

    # -- events, at a byte of the session

    def bookmark(self, at_bytes):
        self.journal.add("bookmarks", at_bytes // BYTES_PER_MS)
        if not self.kept:
            open(self.folder + "/" + recordings.KEEP, "w").close()
            self.kept = True

    def mute(self, on, at_bytes):
        self.muted = on
        at_bytes &= ~1
        if on:
            self._mutes.append([at_bytes, None])
        else:
            self._mutes[-1][1] = at_bytes
        self.journal.add("muted", [at_bytes // BYTES_PER_MS, on])

    def private(self, on):
        self.journal.add("private", [self.length_bytes // BYTES_PER_MS, on])

    def lost(self, lost_bytes):
        """Sound that is missing; silence in its place is the caller's."""
        self.journal.add("lost", [self.length_bytes // BYTES_PER_MS, lost_bytes // BYTES_PER_MS])

    # -- its end

    def close(self, **end):
        """Close segment and document; `end` goes into it."""
        if self._writer:
            self._close_segment()
        end.update(closed=True, length_ms=self.length_bytes // BYTES_PER_MS, chain=self._chain.hex())
        self.journal.add("end", end)
        write_document(self.folder, self.journal)
        unfinished.remove(self.folder)

    def abandon(self):
        """The card doesn't take any more."""
        if self._writer:
            writer, self._writer = self._writer, None
            writer.abandon()


def add_segment(journal, number, suffix, chain, facts, **more):
    facts.update(name=f"{number:03d}{suffix}", chain=chain.hex(), **more)
    journal.add("segments", facts)


def _writer(folder, number, shape):
    if shape:
        from app.avi import AviFile as writer
    else:
        from app.wav import WavFile as writer  # type: ignore[assignment]
    return writer(f"{folder}/{number:03d}{writer.suffix}", shape)


def _utc():
    return "{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}Z".format(*time.gmtime()[:6])


def _new_folder(storage):
    """<storage>/REC/<UTC date>-<counter>; the counter goes on over days, so that a wrong clock repeats no name."""
    base = storage + "/" + _FOLDER
    if not config.is_folder(base):
        if config.exists(base):
            os.remove(base)  # an entry that power cut short
        os.mkdir(base)
    return "{}/{:04d}-{:02d}-{:02d}-{:03d}".format(
        base, *time.gmtime()[:3], max(counters(base), default=0) + 1
    )


def counters(base):
    """The counters of the sessions in a folder."""
    return [int(name.split("-")[-1]) for name in os.listdir(base) if name.split("-")[-1].isdigit()]
