"""What a folder of a recording must be after a repair, read byte by byte. The microphone heard the counter."""

import binascii
import hashlib
import json
import os
import struct
from array import array

from wire import avi, recordings, wav

_COUNT = bytes(array("H", range(65536)))
_KEPT = 16
_known: list = []
_PATTERN = memoryview(_COUNT + _COUNT)


class Wrong(Exception):
    """The text says what."""


class Sound:
    """A stream of samples that must be consecutive numbers."""

    def __init__(self):
        self.next = None
        self.size = 0

    def take(self, data, what):
        if not data:
            return
        if self.next is None:
            self.next = data[0] | data[1] << 8
        start = self.next * 2
        for at in range(0, len(data), len(_COUNT)):
            part = data[at : at + len(_COUNT)]
            if part != _PATTERN[start : start + len(part)]:
                raise Wrong(f"{what}: samples lost or repeated")
        self.next = (self.next + len(data) // 2) & 65535
        self.size += len(data)


def check(folder, frames):
    """(length in ms, document) of the recording there. `frames`: CRC-32 of the pictures that were seen."""
    with open(folder + "/" + recordings.DOCUMENT) as file:
        about = json.load(file)
    names = sorted(name for name in os.listdir(folder) if recordings.is_segment(name))
    if not about["closed"] or [each["name"] for each in about["segments"]] != names:
        raise Wrong(f"the document says {about}, there are {names}")
    sound = Sound()
    chain = recordings.chain_start(about["device"], about["name"], about["started"])
    for each in about["segments"]:
        data = _read(folder + "/" + each["name"])
        digest, pictures = _segment(data, sound, each, frames)
        chain = recordings.chain_next(chain, digest)
        if digest.hex() != each["sha256"] or chain.hex() != each["chain"] or pictures != each["frames"]:
            raise Wrong(f"{each['name']} is not what the document says")
    if about["length_ms"] != sound.size // recordings.BYTES_PER_MS or about["chain"] != chain.hex():
        raise Wrong("length or chain")
    return about["length_ms"], about


def _read(path):
    """In one go: `read()` would ask for 256 bytes at a time."""
    data = bytearray(os.stat(path)[6])
    with open(path, "rb") as file:
        file.readinto(data)
    return memoryview(data)


def _segment(data, sound, each, frames):
    """(SHA-256, number of frames) of a segment that is right; of one with the same bytes as before it is known."""
    for known, first, after, size, digest, pictures in _known:
        if sound.next == first and known == data:
            sound.next = after
            sound.size += size
            return digest, pictures
    first, before = sound.next, sound.size
    kind = _wav if each["name"].endswith("wav") else _avi
    pictures = kind(data, sound, each["name"], frames)
    size = wav.HEADER_BYTES if kind == _wav else avi.HEADER_BYTES
    hash = hashlib.sha256(data[size:])
    hash.update(data[:size])
    digest = hash.digest()
    _known.append((data, first, sound.next, sound.size - before, digest, pictures))
    if len(_known) > _KEPT:
        _known.pop(0)
    return digest, pictures


def _wav(data, sound, name, frames):
    if wav.sound_bytes(data[: wav.HEADER_BYTES]) != len(data) - wav.HEADER_BYTES:
        raise Wrong(f"{name}: header")
    sound.take(data[wav.HEADER_BYTES :], name)
    return 0


def _avi(data, sound, name, frames):
    shape = avi.shape_of(data)
    movi = avi.movi_bytes(data, shape)
    if movi is None or struct.unpack("<I", data[4:8])[0] != len(data) - 8:
        raise Wrong(f"{name}: header")
    at, end, index, pictures = avi.HEADER_BYTES, avi.HEADER_BYTES + movi, b"", 0
    while at < end:
        fourcc, size = bytes(data[at : at + 4]), struct.unpack("<I", data[at + 4 : at + 8])[0]
        body = data[at + 8 : at + 8 + size]
        if fourcc == avi.SOUND:
            sound.take(body, name)
        elif binascii.crc32(body) not in frames:
            raise Wrong(f"{name}: a frame at {at} is not a picture of the camera")
        else:
            pictures += 1
        index += avi.entry(fourcc == avi.FRAME, at - avi.HEADER_BYTES, size)
        at += 8 + avi.padded(size)
    if at != end or data[end : end + 8] != avi.chunk(avi.INDEX, len(index)):
        raise Wrong(f"{name}: no index")
    if data[end + 8 : end + 8 + len(index)] != index:
        raise Wrong(f"{name}: its index is wrong")
    return pictures
