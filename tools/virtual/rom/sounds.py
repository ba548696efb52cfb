"""What the virtual board's microphone hears: a tone, a counter, or a file of the host."""

import math
import struct

import vfs

_MOST_BYTES = 4096  # at a time
_TONE_PERIOD = 32
_WAV_HEADER = 44


def source(what, first):
    """A function that fills a buffer with the sound from a byte on; the sample at byte 0 is number `first`."""
    if not what:
        return _tone_part
    if what == "counter":
        return lambda buf, at: _count(buf, first + at // 2)
    file = vfs.VfsPosix("/").open(what, "rb")
    size = (file.seek(0, 2) - _WAV_HEADER) & ~1
    return lambda buf, at: _play(buf, (first * 2 + at) % size, file, size)


def _tone_part(buf, at):
    start = at % _TONE_PERIOD
    buf[:] = _TONE[start : start + len(buf)]


def _count(buf, number):
    for i in range(0, len(buf), 2):
        buf[i] = number & 255
        buf[i + 1] = number >> 8 & 255
        number += 1


def _play(buf, at, file, size):
    while buf:
        file.seek(_WAV_HEADER + at)
        n = file.readinto(buf[: size - at])
        buf, at = buf[n:], 0


def _tone():
    """A 1 kHz sine of a quarter of full scale at 16 kHz, 16-bit little-endian; any _MOST_BYTES of it can be cut out."""
    period = b"".join(struct.pack("<h", int(8192 * math.sin(2 * math.pi * i / 16))) for i in range(16))
    return memoryview(period * (_MOST_BYTES // _TONE_PERIOD + 1))


_TONE = _tone()
