"""AVI files as recordings have them: MJPEG and 16-bit PCM, mono, one `movi` list and its index.

Runs on MicroPython and CPython. Microsoft, "AVI RIFF File Reference"; all numbers little-endian.

    0     RIFF "AVI ": LIST hdrl (avih, strl of the video, strl of the sound), JUNK up to
    500   LIST movi; its chunks begin at 512, so that the header is one sector of a card
    512   chunks: fourcc, size, data, and a zero after data of odd size
    end   idx1: 16 bytes a chunk
"""

import struct

HEADER_BYTES = 512
FRAME, SOUND, INDEX, JUNK = b"00dc", b"01wb", b"idx1", b"JUNK"
ENTRY_BYTES = 16
MOST_BYTES = 0xFFFFFFFF

_HAS_INDEX, _INTERLEAVED, _KEY_FRAME = 0x10, 0x100, 0x10
# which speaker one channel is for is said by a WAVEFORMATEXTENSIBLE only (Microsoft, mmreg.h): players guess without it
_EXTENSIBLE, _FRONT_CENTER = 0xFFFE, 4
_PCM = b"\x01\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"  # KSDATAFORMAT_SUBTYPE_PCM
_FIRST = 4  # index offsets count from the word "movi"


class Shape:
    """What is the same in all segments of a recording."""

    def __init__(self, width, height, fps, rate_hz):
        self.width, self.height, self.fps, self.rate_hz = width, height, fps, rate_hz


def header(shape, frames, sound_bytes, movi_bytes, rest_bytes):
    """The first 512 bytes. `movi_bytes` of chunks follow, then `rest_bytes` of index (and what else there is)."""
    lists = _list(
        b"hdrl", _avih(shape, frames, rest_bytes), _video(shape, frames), _sound(shape, sound_bytes)
    )
    room = HEADER_BYTES - 12 - len(lists) - 8 - 12
    size = HEADER_BYTES - 8 + movi_bytes + rest_bytes
    return b"".join(
        (
            struct.pack("<4sI4s", b"RIFF", size, b"AVI "),
            lists,
            struct.pack("<4sI", JUNK, room),
            bytes(room),
            struct.pack("<4sI4s", b"LIST", movi_bytes + 4, b"movi"),
        )
    )


def movi_bytes(data, shape):
    """How many bytes of chunks a header (512 bytes) speaks of; None if it was written in part."""
    if len(data) < HEADER_BYTES:
        return None
    size, movi = struct.unpack("<I", data[4:8])[0], struct.unpack("<I", data[504:508])[0] - 4
    rest = size - (HEADER_BYTES - 8) - movi
    if movi < 0 or rest < 0:
        return None
    frames, sound = struct.unpack("<I", data[48:52])[0], struct.unpack("<I", data[264:268])[0] * 2
    return movi if bytes(data[:HEADER_BYTES]) == header(shape, frames, sound, movi, rest) else None


def shape_of(data):
    """The Shape that a whole header speaks of."""
    width, height = struct.unpack("<II", data[64:72])
    scale, fps = struct.unpack("<II", data[128:136])
    return Shape(width, height, fps // scale, struct.unpack("<I", data[256:260])[0])


def chunk(fourcc, size):
    return struct.pack("<4sI", fourcc, size)


def padded(size):
    """Room that data of a chunk takes."""
    return size + (size & 1)


def entry(is_frame, offset, size):
    """Index entry of the chunk that begins `offset` bytes behind the header."""
    return struct.pack("<4sIII", FRAME if is_frame else SOUND, _KEY_FRAME, _FIRST + offset, size)


def _list(kind, *parts):
    body = b"".join(parts)
    return struct.pack("<4sI4s", b"LIST", len(body) + 4, kind) + body


def _avih(shape, frames, rest_bytes):
    flags = _INTERLEAVED | (_HAS_INDEX if rest_bytes else 0)
    return struct.pack(
        "<4sIIIIIIIIIIIIIII", b"avih", 56, 1_000_000 // shape.fps, 0, 0, flags, frames, 0, 2, 0,
        shape.width, shape.height, 0, 0, 0, 0,
    )  # fmt: skip


def _stream(kind, codec, scale, rate, length, sample_bytes, width, height):
    return struct.pack(
        "<4sI4s4sIHHIIIIIIIIHHHH", b"strh", 56, kind, codec, 0, 0, 0, 0, scale, rate, 0, length,
        0, 0xFFFFFFFF, sample_bytes, 0, 0, width, height,
    )  # fmt: skip


def _video(shape, frames):
    about = _stream(b"vids", b"MJPG", 1, shape.fps, frames, 0, shape.width, shape.height)
    form = struct.pack(
        "<4sIIIIHH4sIIIII", b"strf", 40, 40, shape.width, shape.height, 1, 24, b"MJPG",
        shape.width * shape.height * 3, 0, 0, 0, 0,
    )  # fmt: skip
    return _list(b"strl", about, form)


def _sound(shape, sound_bytes):
    about = _stream(b"auds", bytes(4), 1, shape.rate_hz, sound_bytes // 2, 2, 0, 0)
    form = struct.pack(
        "<4sIHHIIHHHHI16s", b"strf", 40, _EXTENSIBLE, 1, shape.rate_hz, shape.rate_hz * 2, 2, 16,
        22, 16, _FRONT_CENTER, _PCM,
    )  # fmt: skip
    return _list(b"strl", about, form)
