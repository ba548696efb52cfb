"""An AVI segment: MJPEG and PCM. What is in memory is an index of 4 bytes a chunk, whose number is bounded."""

import asyncio
import hashlib
import struct
from array import array

from micropython import const

from app import segment
from wire import avi

_MOST_CHUNKS = const(4096)
_MOST_BYTES = const(0x7F000000)  # under 2 GiB, as many players want it
_ENTRIES = const(32)  # written to the file at a time
_END = b"\x00"


class Index:
    """The sizes of the chunks in their order, and which are frames."""

    def __init__(self):
        self._chunks = array("I", bytes(4 * _MOST_CHUNKS))
        self._count = 0
        self.movi_bytes = self.frames = self.sound_bytes = 0

    def add(self, is_frame, size):
        self._chunks[self._count] = size << 1 | is_frame
        self._count += 1
        self.movi_bytes += 8 + avi.padded(size)
        if is_frame:
            self.frames += 1
        else:
            self.sound_bytes += size

    @property
    def full(self):
        return self._count >= _MOST_CHUNKS - 2 or self.movi_bytes > _MOST_BYTES

    @property
    def size(self):
        """Of the chunk `idx1`."""
        return 8 + avi.ENTRY_BYTES * self._count

    def write(self, file, digest):
        """Write `idx1` where the file stands."""
        _both(file, digest, avi.chunk(avi.INDEX, avi.ENTRY_BYTES * self._count))
        offset = 0
        for first in range(0, self._count, _ENTRIES):
            part = []
            for i in range(first, min(first + _ENTRIES, self._count)):
                size = self._chunks[i] >> 1
                part.append(avi.entry(self._chunks[i] & 1, offset, size))
                offset += 8 + avi.padded(size)
            _both(file, digest, b"".join(part))

    def header(self, shape, rest_bytes):
        return avi.header(shape, self.frames, self.sound_bytes, self.movi_bytes, rest_bytes)


def _both(file, digest, data):
    file.write(data)
    digest.update(data)


class AviFile(segment.Segment):
    suffix = ".avi"

    def __init__(self, path, shape):
        super().__init__(path)
        self._shape = shape
        self._index = Index()
        self.sync()

    @property
    def sound_bytes(self):
        return self._index.sound_bytes

    @property
    def frames(self):
        return self._index.frames

    @property
    def full(self):
        return self._index.full

    def write_sound(self, view):
        self._write(avi.SOUND, view)
        self._index.add(0, len(view))

    def write_frame(self, view):
        self._write(avi.FRAME, view)
        self._index.add(1, len(view))

    def _write(self, fourcc, view):
        _both(self._file, self._hash, avi.chunk(fourcc, len(view)))
        _both(self._file, self._hash, view)
        if len(view) & 1:
            _both(self._file, self._hash, _END)

    def sync(self):
        """Make what was written so far last. Without an index yet, which players do without."""
        segment.put_header(self._file, self._index.header(self._shape, 0))

    def close(self):
        self._index.write(self._file, self._hash)
        self._end(self._index.header(self._shape, self._index.size))


async def repair(file, size, shape, buffer):
    """Make an open file of `size` bytes true; its facts as `segment.facts`, None if nothing is in it."""
    head = bytes(segment.read_at(file, 0, min(size, avi.HEADER_BYTES), buffer))
    end = max(size, avi.HEADER_BYTES + (avi.movi_bytes(head, shape) or 0))
    index = await _scan(file, end, buffer)
    if not index.movi_bytes:
        return None
    segment.reach(file, size, avi.HEADER_BYTES + index.movi_bytes)
    digest = hashlib.sha256()
    await segment.hash_rest(file, avi.HEADER_BYTES, avi.HEADER_BYTES + index.movi_bytes, digest, buffer)
    file.seek(avi.HEADER_BYTES + index.movi_bytes)
    index.write(file, digest)
    rest = index.size + await _fill(
        file, avi.HEADER_BYTES + index.movi_bytes + index.size, end, digest, buffer
    )
    head = index.header(shape, rest)
    segment.put_header(file, head)
    digest.update(head)
    return segment.facts(digest.digest(), index.sound_bytes, index.frames)


async def _scan(file, end, buffer):
    """The index of the whole chunks that are there; an older index ends them."""
    index = Index()
    while not index.full:
        at = avi.HEADER_BYTES + index.movi_bytes
        if at + 8 > end:
            break
        view = segment.read_at(file, at, 8, buffer)
        if len(view) < 8:  # its length was torn
            segment.reach(file, at, end)
            view = segment.read_at(file, at, 8, buffer)
        fourcc, size = bytes(view[:4]), struct.unpack("<I", view[4:8])[0]
        if fourcc not in (avi.FRAME, avi.SOUND) or at + 8 + avi.padded(size) > end:
            break
        index.add(int(fourcc == avi.FRAME), size)
        await asyncio.sleep_ms(0)
    return index


async def _fill(file, at, end, digest, buffer):
    """Hide what stands behind the index, which no file can be cut down to, in a chunk of junk; its size."""
    if end <= at:
        return 0
    size = max(end - at - 8, 0)
    size += size & 1
    _both(file, digest, avi.chunk(avi.JUNK, size))
    left = size
    while left:
        part = memoryview(buffer)[: min(left, len(buffer))]
        for i in range(len(part)):
            part[i] = 0
        _both(file, digest, part)
        left -= len(part)
        await asyncio.sleep_ms(0)
    return 8 + size
