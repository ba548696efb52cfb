"""A recording's folder: its names, its journal, and the hashes that chain its segments.

Runs on MicroPython and CPython.

    000.wav 001.avi ...   segments, in this order
    session.json          what the recording is; whole once `closed` is true in it
    session.seal          HMAC-SHA256 of session.json's bytes, in hex
    session.log           the journal, until session.json is whole
    keep                  there from the first bookmark on: the recording is not to be reused for space

The SHA-256 of a segment is that of its bytes behind the header, followed by the header: the header is written last.
"""

import binascii
import hashlib
import json

RATE_HZ = 16_000
BYTES_PER_MS = 32

DOCUMENT, SEAL, JOURNAL, KEEP = "session.json", "session.seal", "session.log", "keep"
KINDS = (".wav", ".avi")
SEAL_PURPOSE = b"fieldrec recording seal v1"  # HMAC of it under the device's secret is the key of its seals


def is_segment(name):
    return name[-4:] in KINDS and name[:-4].isdigit()


def chain_start(device, name, started):
    """The chain's first link, 32 bytes: which recording of which device it is."""
    return hashlib.sha256(("%s %s %s" % (device, name, started)).encode()).digest()


def chain_next(before, digest):
    """The link after `before`, of a segment with this SHA-256; all 32 bytes."""
    return hashlib.sha256(before + digest).digest()


def line(name, number, kind, value):
    """A line of the journal of the recording called `name`: CRC-32, number from 0 on, kind and JSON value."""
    text = "%d %s %s" % (number, kind, json.dumps(value))
    return "%08x %s\n" % (_crc(name, text), text)


def parse(name, text):
    """(number, kind, value) of a line; None if it was written in part, or is another recording's."""
    text = text.strip("\n")
    try:
        if int(text[:8], 16) != _crc(name, text[9:]):
            return None
        number, kind, value = text[9:].split(" ", 2)
        return int(number), kind, json.loads(value)
    except ValueError:
        return None


def _crc(name, text):
    return binascii.crc32(text.encode(), binascii.crc32(name.encode()))
