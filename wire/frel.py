"""The release file `NAME-VERSION.frel`: header, manifest envelope, chunk index, payload.

Runs on MicroPython and CPython.

    header     20 bytes: magic, format, and the lengths of the three parts that follow, big-endian
    envelope   DSSE around the manifest (wire/dsse.py), signed; JSON with its keys sorted and without spaces, for a
               device reads it file by file
    index      32-byte SHA-256 of each chunk, in the order of `chunks`
    payload    the files of the manifest, concatenated without padding

In front of the header may stand keyrings (wire/trust), oldest first; each is:

    section    12 bytes: magic, format, and the length of what follows, big-endian
    envelope   DSSE around the keyring, signed by the roots

Every limit here bounds what a device must hold, before a signature was checked.
"""

import binascii
import hashlib
import struct

from wire import semver
from wire.contents import HASH_SIZE, MAX_ENVELOPE, RESERVED, folders_of

MAGIC = b"FREL"
FORMAT = 1
HEADER = ">4sIIII"
HEADER_SIZE = 20
CHUNK = 4096
MAX_FILES = 256
MAX_PATH = 96
MAX_PAYLOAD = 8 * 1024 * 1024  # as large as the flash of the smallest board
MAX_INDEX = HASH_SIZE * (MAX_PAYLOAD // CHUNK + MAX_FILES)

KEYRING_MAGIC = b"FRKR"
KEYRING_HEADER = ">4sII"
KEYRING_HEADER_SIZE = 12
MAX_KEYRING = 16384
MAX_KEYRINGS = 8  # as many changes of the roots as a device may have slept through
MAX_RELEASE = (
    MAX_KEYRINGS * (KEYRING_HEADER_SIZE + MAX_KEYRING) + HEADER_SIZE + MAX_ENVELOPE + MAX_INDEX + MAX_PAYLOAD
)

KINDS = ("app", "runtime")


class FormatError(ValueError):
    """A release, or a part of one, that is not in the form described here; the text names the field."""


def pack_header(envelope_len, index_len, payload_len):
    return struct.pack(HEADER, MAGIC, FORMAT, envelope_len, index_len, payload_len)


def parse_header(data):
    """(envelope_len, index_len, payload_len) of the first HEADER_SIZE bytes of a release."""
    if len(data) < HEADER_SIZE:
        raise FormatError(f"header is cut off: {len(data)} of {HEADER_SIZE} bytes")
    magic, number, envelope_len, index_len, payload_len = struct.unpack(HEADER, data[:HEADER_SIZE])
    if magic != MAGIC:
        raise FormatError(f"not a release: begins with {magic}")
    if number != FORMAT:
        raise FormatError(f"format {number} is not known, only {FORMAT} is")
    for name, length, most in (
        ("envelope", envelope_len, MAX_ENVELOPE),
        ("index", index_len, MAX_INDEX),
        ("payload", payload_len, MAX_PAYLOAD),
    ):
        if not 0 < length <= most:
            raise FormatError(f"{name} length {length} is not in 1..{most}")
    if index_len % HASH_SIZE:
        raise FormatError(f"index length {index_len} is no multiple of {HASH_SIZE}")
    return envelope_len, index_len, payload_len


def pack_keyring(envelope):
    """A keyring's envelope as it stands in front of a release."""
    return struct.pack(KEYRING_HEADER, KEYRING_MAGIC, FORMAT, len(envelope)) + envelope


def keyring_length(data):
    """Length of the keyring envelope whose section begins with `data`; 0 if `data` begins otherwise."""
    if data[: len(KEYRING_MAGIC)] != KEYRING_MAGIC:
        return 0
    if len(data) < KEYRING_HEADER_SIZE:
        raise FormatError(f"keyring section is cut off: {len(data)} of {KEYRING_HEADER_SIZE} bytes")
    _, number, length = struct.unpack(KEYRING_HEADER, data[:KEYRING_HEADER_SIZE])
    if number != FORMAT:
        raise FormatError(f"keyring section of format {number} is not known, only {FORMAT} is")
    if not 0 < length <= MAX_KEYRING:
        raise FormatError(f"keyring length {length} is not in 1..{MAX_KEYRING}")
    return length


class Front:
    """Finds the keyrings in front of a header, and the header. To be given HEADER_SIZE bytes of each `at`."""

    def __init__(self):
        self.at = 0
        self._count = 0

    def keyring(self, head):
        """(start, end) of a keyring's envelope, `at` moves behind it; None: the header is at `at`."""
        length = keyring_length(head)
        if not length:
            return None
        self._count += 1
        if self._count > MAX_KEYRINGS:
            raise FormatError(f"more than {MAX_KEYRINGS} keyrings in front of the header")
        start = self.at + KEYRING_HEADER_SIZE
        self.at = start + length
        return start, self.at


def digest(manifest_bytes):
    """The name of a release everywhere: SHA-256 of its manifest's bytes, in hex."""
    return binascii.hexlify(hashlib.sha256(manifest_bytes).digest()).decode()


def chunks(files):
    """(file, offset in the file, length) of each chunk.

    None crosses a file, so that an unchanged file is unchanged chunks, wherever it lies in the payload.
    """
    for file in files:
        for offset in range(0, file["size"], CHUNK):
            yield file, offset, min(CHUNK, file["size"] - offset)


def check_manifest(manifest):
    """Raise FormatError naming the first field that is wrong. The manifest is what JSON gave, of any type."""
    _need(type(manifest) is dict, "manifest", manifest)
    for name, is_right in _FIELDS:
        _need(is_right(manifest.get(name)), name, manifest.get(name))
    _check_files(manifest["files"])
    total = sum(file["size"] for file in manifest["files"])
    count = sum(1 for _ in chunks(manifest["files"]))
    _need(manifest["payload"]["size"] == total, "payload.size", manifest["payload"]["size"])
    _need(manifest["index"]["size"] == count * HASH_SIZE, "index.size", manifest["index"]["size"])


def check_lengths(manifest, index_len, payload_len):
    """The unsigned header must agree with the signed manifest."""
    for name, length in (("index", index_len), ("payload", payload_len)):
        size = manifest[name]["size"]
        if size != length:
            raise FormatError(f"{name} is {length} bytes by the header, {size} by the manifest")


def _check_files(files):
    """Paths that stay inside the slot and appear once, as a file or as a folder, and contiguous offsets."""
    seen, offset = set(), 0
    for number, file in enumerate(files):
        name = f"files[{number}]"
        _need(type(file) is dict, name, file)
        path = file.get("path")
        _need(_is_path(path) and path not in seen, name + ".path", path)
        _need(_is_size(file.get("size")), name + ".size", file.get("size"))
        _need(file.get("offset") == offset, name + ".offset", file.get("offset"))
        _need(_is_hash(file.get("sha256")), name + ".sha256", file.get("sha256"))
        seen.add(path)
        offset += file["size"]
    folders = {folder for path in seen for folder in folders_of(path)}
    for number, file in enumerate(files):
        _need(file["path"] not in folders, f"files[{number}].path", file["path"])


def _need(condition, name, value):
    if not condition:
        raise FormatError(f"manifest: {name} is not valid: {repr(value)[:80]}")


def _is_count(value):
    return type(value) is int and 0 <= value < 2**31


def _is_size(value):
    return _is_count(value) and value <= MAX_PAYLOAD


def _is_hash(value):
    return type(value) is str and len(value) == 64 and all(c in "0123456789abcdef" for c in value)


def _is_part(value):
    return type(value) is dict and _is_size(value.get("size")) and _is_hash(value.get("sha256"))


def _is_name(value):
    """Letters, digits, `-` `_` `.`: safe in a path, a URL and a topic."""
    return type(value) is str and 0 < len(value) <= 64 and value[0] != "." and all(c in _NAME for c in value)


def _is_path(value):
    if type(value) is not str or len(value) > MAX_PATH or value in RESERVED:
        return False
    return all(_is_name(part) for part in value.split("/"))


def _is_version(value):
    try:
        semver.parse(value)
    except ValueError:
        return False
    return True


_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

_FIELDS = (
    ("format", lambda v: type(v) is int and v == FORMAT),
    ("kind", lambda v: v in KINDS),
    ("name", _is_name),
    ("version", _is_version),
    ("security_version", _is_count),
    ("boards", lambda v: type(v) is list and v != [] and all(_is_name(board) for board in v)),
    ("requires", lambda v: type(v) is dict and all(_is_version(v.get(kind)) for kind in KINDS)),
    ("index", _is_part),
    ("payload", _is_part),
    ("files", lambda v: type(v) is list and 0 < len(v) <= MAX_FILES),
    ("created", lambda v: type(v) is str and len(v) == 20 and v[10] == "T" and v[19] == "Z"),
)
