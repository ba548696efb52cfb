"""The two slots `/a` and `/b`, and whether one may be booted.

A slot holds the files of a release, `manifest.json` (its exact bytes) and `seal`: the manifest's HMAC under
this device's secret, written once the release was verified and is whole. It stands in for the signature at
every boot. A file that the manifest does not name makes a slot bad, too: `main.py` would be imported in place
of `main.mpy`.
"""

import binascii
import errno
import hashlib
import json
import os

from micropython import const

from bootloader import buffer, hmac
from bootloader.files import read
from wire import frel

SLOTS = ("a", "b")
_SECRET_SIZE = const(32)
_FOLDER = const(0x4000)  # type of a folder in ilistdir


class SlotError(Exception):
    """A slot that must not be booted; the text names the slot, the file, and what is wrong with it."""


def slot_dir(slot, root=""):
    return root + "/" + slot


def spare(record):
    """The slot that is not running, of a boot record."""
    return "b" if record["active"] == "a" else "a"


def invalidate(slot, root=""):
    """From here on the slot doesn't boot: to be called before its first byte is changed."""
    try:
        os.remove(slot_dir(slot, root) + "/seal")
    except OSError as error:
        if error.errno != errno.ENOENT:  # none there is what was wanted
            raise


def write_seal(slot, manifest_bytes, root=""):
    """Close a slot whose files are all written: strangers out, manifest, and the seal last."""
    folder = slot_dir(slot, root)
    invalidate(slot, root)
    sweep(slot, json.loads(manifest_bytes), root)
    _write(folder + "/manifest.json", manifest_bytes)
    _write(folder + "/seal", hmac.sha256(_secret(root), manifest_bytes))


def sweep(slot, manifest, root=""):
    """Remove what the manifest does not name, so that it is in nobody's way. Only of a slot without a seal."""
    folder = slot_dir(slot, root)
    for path, is_folder in _strangers(folder, manifest):
        (os.rmdir if is_folder else os.remove)(folder + "/" + path)


def check(slot, root=""):
    """The manifest of a slot whose seal, files and nothing beside them are right. Else SlotError."""
    folder = slot_dir(slot, root)
    code = hmac.Sha256(_secret(root))
    _digest(folder + "/manifest.json", code, frel.MAX_ENVELOPE)
    if not hmac.equal(_read(folder, "seal", frel.HASH_SIZE + 1), code.digest()):
        raise SlotError(f"{folder}/seal does not fit manifest.json")
    with open(folder + "/manifest.json") as file:
        manifest = json.load(file)
    for file in manifest["files"]:
        _check_file(folder, file)
    for path, _ in _strangers(folder, manifest):
        raise SlotError(f"{folder}/{path} is not in the manifest")
    return manifest


def _digest(path, hash, most):
    """Give a file to `hash` in parts; its size, more than `most` if it is larger. SlotError if it is missing."""
    size, view = 0, memoryview(buffer)
    try:
        with open(path, "rb") as stream:
            while size <= most and (count := stream.readinto(buffer)):
                hash.update(view[:count])
                size += count
    except OSError:
        raise SlotError(f"{path} is missing") from None
    return size


def _check_file(folder, file):
    path = folder + "/" + file["path"]
    hash = hashlib.sha256()
    size = _digest(path, hash, file["size"])
    if size != file["size"]:
        longer = "longer" if size > file["size"] else "shorter"
        raise SlotError(f"{path} is {longer} than {file['size']} bytes")
    if binascii.hexlify(hash.digest()).decode() != file["sha256"]:
        raise SlotError(f"{path} was changed: its SHA-256 is not the manifest's")


def _strangers(folder, manifest):
    """[(path, is a folder)] of what a slot's manifest does not name, contents before their folder."""
    files, folders = set(frel.RESERVED), set()
    for file in manifest["files"]:
        files.add(file["path"])
        folders.update(frel.folders_of(file["path"]))
    known = {True: folders, False: files}
    return [(path, is_folder) for path, is_folder in _walk(folder, "") if path not in known[is_folder]]


def _walk(folder, prefix):
    for entry in list(os.ilistdir(folder + "/" + prefix)):
        path = prefix + entry[0]
        if entry[1] == _FOLDER:
            yield from _walk(folder, path + "/")
        yield path, entry[1] == _FOLDER


def _secret(root):
    secret = _read(root + "/etc", "seal.key", _SECRET_SIZE + 1)
    if len(secret) != _SECRET_SIZE:  # anybody could make the seals of an empty one
        raise SlotError(f"{root}/etc/seal.key holds {len(secret)} bytes, not {_SECRET_SIZE}")
    return secret


def _read(folder, name, most):
    try:
        return read(folder + "/" + name, most)
    except OSError:
        raise SlotError(f"{folder}/{name} is missing") from None


def _write(path, data):
    with open(path, "wb") as file:
        file.write(data)
