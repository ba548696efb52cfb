"""Sent to a board's REPL: its files, by their hashes, and a clean start for our packages."""

import binascii
import gc
import hashlib
import os
import sys

_file = None  # the one that is being written
_OURS = ("app", "board", "bootloader", "wire")


def fresh(slot=""):
    """Forget what was imported: the files may be others by now. With a slot, app/ is the slot's."""
    for name in list(sys.modules):
        if name.split(".")[0] in _OURS:
            del sys.modules[name]
    sys.path[:] = [path for path in sys.path if path not in ("/a", "/b")]
    if slot:
        sys.path.append("/" + slot)
    gc.collect()


def interpreter():
    of = sys.implementation
    return {"name": of.name, "version": list(of.version)[:3], "mpy": getattr(of, "_mpy", 0) & 0xFF,
            "machine": getattr(of, "_machine", ""), "platform": sys.platform}  # fmt: skip


def hashes(paths):
    """SHA-256 in hex of each, None where there is no such file."""
    return [_hash(path) for path in paths]


def _hash(path):
    hash, buffer = hashlib.sha256(), bytearray(2048)
    view = memoryview(buffer)
    try:
        with open(path, "rb") as file:
            while True:
                count = file.readinto(buffer)
                if not count:
                    break
                hash.update(view[:count])
    except OSError:
        return None
    return binascii.hexlify(hash.digest()).decode()


def listing(folder):
    """Paths of all files below a folder; none if there is no folder."""
    found: list = []
    try:
        entries = list(os.ilistdir(folder))
    except OSError:
        return found
    for entry in entries:
        path = folder + "/" + entry[0]
        found += listing(path) if entry[1] == 0x4000 else [path]
    return found


def put(path, piece, first, last):
    """Write a file piece by piece (base64), beside the old one until it is whole."""
    global _file
    if first:
        _file = open(path + ".new", "wb")  # noqa: SIM115  # closed with its last piece
    _file.write(binascii.a2b_base64(piece))
    if last:
        _file.close()
        os.rename(path + ".new", path)


def make_folders(paths):
    """The folders above these files."""
    for path in paths:
        at = path.find("/", 1)
        while at > 0:
            try:
                os.mkdir(path[:at])
            except OSError as error:
                if error.errno != 17:  # EEXIST
                    raise
            at = path.find("/", at + 1)


def remove(paths):
    """Those of these files that are there."""
    for path in paths:
        try:
            os.remove(path)
        except OSError as error:
            if error.errno != 2:  # ENOENT
                raise


def set_clock(year, month, day, hour, minute, second):
    """UTC."""
    import machine

    machine.RTC().datetime((year, month, day, 0, hour, minute, second, 0))
