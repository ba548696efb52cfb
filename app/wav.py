"""A WAV segment. Its header is true up to the last sync: a pulled battery costs what came after."""

import hashlib

from micropython import const

from app import segment
from wire import wav
from wire.recordings import RATE_HZ

_MOST_BYTES = const(0x7FFFFF00)  # some players read the size as signed


class WavFile(segment.Segment):
    suffix = ".wav"
    frames = 0

    def __init__(self, path, shape=None):
        super().__init__(path)
        self.sound_bytes = 0
        self.sync()

    @property
    def full(self):
        return self.sound_bytes >= _MOST_BYTES

    def write_sound(self, view):
        self._file.write(view)
        self._hash.update(view)
        self.sound_bytes += len(view)

    def sync(self):
        """Make what was written so far last."""
        segment.put_header(self._file, wav.header(RATE_HZ, self.sound_bytes))

    def close(self):
        self._end(wav.header(RATE_HZ, self.sound_bytes))


async def repair(file, size, shape, buffer):
    """Make an open file of `size` bytes true; its facts as `segment.facts`, None if nothing is in it."""
    head = bytes(segment.read_at(file, 0, min(size, wav.HEADER_BYTES), buffer))
    said = wav.sound_bytes(head) or 0
    have = max(size - wav.HEADER_BYTES, said) & ~1
    if have <= 0:
        return None
    segment.reach(file, size, wav.HEADER_BYTES + have)
    head = wav.header(RATE_HZ, have)
    segment.put_header(file, head)
    digest = hashlib.sha256()
    await segment.hash_rest(file, wav.HEADER_BYTES, wav.HEADER_BYTES + have, digest, buffer)
    digest.update(head)
    return segment.facts(digest.digest(), have, 0)
