"""App images of the ESP32-S3: made, and verified as ESP-IDF verifies them. Runs on both interpreters.

    header      24 bytes: magic, number of segments, ..., chip, hash appended
    segments    each: load address, length, data; the first begins with esp_app_desc_t
    checksum    0xEF and all data of segments, XORed; the last byte of a line of 16
    SHA-256     of all before it
ESP-IDF Programming Guide, "App Image Format".
"""

import hashlib
import struct

HEADER, SEGMENT = 24, 8
SHA256 = 32
DESCRIPTION = 256  # bytes of esp_app_desc_t
_MAGIC, _DESCRIPTION_MAGIC = 0xE9, 0xABCD5432
_MOST_SEGMENTS = 16
_CHIP_S3 = 9
_DROM = 0x3C000020
_CHECKSUM_START = 0xEF
_PIECE = 4096


class ImageError(ValueError):
    """No image that may be started; the text says what is wrong with it."""


def make(version, size=32768, fault="", salt="runtime"):
    """An image of `size` bytes, a multiple of 16. Its inside depends on `salt` only.

    What the virtual board does with it, by `fault`: "panic": it crashes before any Python runs. "hang": it stands
    still for ever, 5 s after its start. "bytecode": it takes no .mpy file.
    """
    length = size - HEADER - SEGMENT - 16 - SHA256
    if size % 16 or length < DESCRIPTION:
        raise ValueError(f"an image of {size} bytes: a multiple of 16 is needed, and 336 at least")
    data = _description(version, "micropython" + (":" + fault if fault else ""))
    data += b"".join(_filler(salt, number) for number in range(length // _PIECE + 1))
    data = data[:length]
    header = struct.pack(
        "<BBBBIBBBBHBHHIB", _MAGIC, 1, 2, 0x3F, _DROM, 0xEE, 0, 0, 0, _CHIP_S3, 0, 0, 99, 0, 1
    )
    image = header + struct.pack("<II", _DROM, length) + data + bytes(15)
    image += bytes([_xor(data, _CHECKSUM_START)])
    return image + hashlib.sha256(image).digest()


def verify(read, size):
    """Length of the image that `read(offset, length)` gives out of a partition of `size` bytes; ImageError."""
    hash = hashlib.sha256()
    header = read(0, HEADER)
    magic, segments, appended = header[0], header[1], header[HEADER - 1]
    if magic != _MAGIC:
        raise ImageError(f"it begins with 0x{magic:02x}, not with 0xe9")
    if not 0 < segments <= _MOST_SEGMENTS:
        raise ImageError(f"{segments} segments")
    hash.update(header)
    at, checksum = HEADER, _CHECKSUM_START
    for _ in range(segments):
        head = read(at, SEGMENT)
        length = struct.unpack("<II", head)[1]
        hash.update(head)
        at += SEGMENT
        if at + length > size:
            raise ImageError(f"a segment of {length} bytes does not fit the partition")
        checksum = _sum(read, at, length, checksum, hash)
        at += length
    line = read(at, 16 - at % 16)
    hash.update(line)
    at += len(line)
    if line[-1] != checksum:
        raise ImageError(f"checksum 0x{line[-1]:02x} instead of 0x{checksum:02x}")
    if appended and read(at, SHA256) != hash.digest():
        raise ImageError("its SHA-256 is another one")
    return at + (SHA256 if appended else 0)


def describe(read):
    """(version, fault) of an image; ("", "") if it has no description."""
    data = read(HEADER + SEGMENT, DESCRIPTION)
    if struct.unpack("<I", data[:4])[0] != _DESCRIPTION_MAGIC:
        return "", ""
    version, project = (data[at : at + 32].split(b"\0")[0].decode() for at in (16, 48))
    return version, project.partition(":")[2]


def _description(version, project):
    """esp_app_desc_t: magic, secure version, two reserved words, version, project, time, date, IDF version, ..."""
    words = struct.pack("<IIII", _DESCRIPTION_MAGIC, 0, 0, 0)
    texts = [text.encode() + bytes(size - len(text)) for text, size in ((version, 32), (project, 32))]
    data = words + b"".join(texts)
    return data + bytes(DESCRIPTION - len(data))


def _filler(salt, number):
    line = hashlib.sha256(f"{salt} {number}".encode()).digest()
    return line * (_PIECE // len(line))


def _sum(read, at, length, checksum, hash):
    end = at + length
    while at < end:
        data = read(at, min(_PIECE, end - at))
        hash.update(data)
        checksum = _xor(data, checksum)
        at += len(data)
    return checksum


def _xor(data, value):
    for byte in data:
        value ^= byte
    return value
