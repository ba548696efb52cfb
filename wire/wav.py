"""WAV files as recordings have them: 16-bit PCM, mono, a header of 44 bytes. Runs on MicroPython and CPython."""

import struct

HEADER_BYTES = 44
MOST_BYTES = 0xFFFFFFFF - HEADER_BYTES  # of sound: what the header can say


def header(rate_hz, sound_bytes):
    """RIFF/WAVE header, mono, 16 bit (Microsoft, Multimedia Programming Interface 1.0, chapter 3)."""
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", sound_bytes + HEADER_BYTES - 8, b"WAVE",
        b"fmt ", 16, 1, 1, rate_hz, rate_hz * 2, 2, 16,
        b"data", sound_bytes,
    )  # fmt: skip


def sound_bytes(data):
    """How much sound a header (44 bytes) speaks of; None if it is none of ours, or was written in part."""
    if len(data) < HEADER_BYTES:
        return None
    rate_hz, said = struct.unpack("<I", data[24:28])[0], struct.unpack("<I", data[40:44])[0]
    if said > MOST_BYTES or rate_hz >= 1 << 31 or bytes(data[:HEADER_BYTES]) != header(rate_hz, said):
        return None
    return said
