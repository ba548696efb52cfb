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
from wire import contents

SLOTS = ("a", "b")
_SECRET_SIZE = const(32)
_PIECE = const(256)  # characters of a manifest
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
    """Close a slot whose files are all written: manifest, strangers out, and the seal last."""
    folder = slot_dir(slot, root)
    invalidate(slot, root)
    _write(folder + "/manifest.json", manifest_bytes)
    sweep(slot, _entries(folder, {}), root)
    _write(folder + "/seal", hmac.sha256(device_secret(root), manifest_bytes))


def sweep(slot, files, root=""):
    """Remove what is not among a manifest's files, so that it is in nobody's way. Only of a slot without a seal."""
    folder = slot_dir(slot, root)
    for path, is_folder in _strangers(folder, files):
        (os.rmdir if is_folder else os.remove)(folder + "/" + path)


def check(slot, root=""):
    """What the manifest says beside its files, of a slot whose seal, files and nothing beside them are right.

    Else SlotError.
    """
    folder = slot_dir(slot, root)
    code = hmac.Sha256(device_secret(root))
    _digest(folder + "/manifest.json", code, contents.MAX_ENVELOPE)
    if not hmac.equal(_read(folder, "seal", contents.HASH_SIZE + 1), code.digest()):
        raise SlotError(f"{folder}/seal does not fit manifest.json")
    count, folders = len(contents.RESERVED), set()
    about: dict = {}
    for file in _entries(folder, about):
        _check_file(folder, file)
        count += 1
        folders.update(contents.folders_of(file["path"]))
    if _count(folder) != (count, len(folders)):
        for path, _ in _strangers(folder, _entries(folder, {})):
            raise SlotError(f"{folder}/{path} is not in the manifest")
    return about


def _entries(folder, about):
    """The files of a slot's manifest, one by one: all at once they would take more memory than the rest of a start.

    It is in canonical form, keys sorted and no spaces: what stands behind the files is put into `about`.
    """
    try:
        with open(folder + "/manifest.json") as stream:
            _, text = _past(stream, "", '"files":[')
            while not text.startswith("]"):
                entry, text = _past(stream, text, "}")
                yield json.loads(entry.lstrip(",") + "}")
                text = text or stream.read(_PIECE)
            about.update(json.loads("{" + (text + stream.read())[2:]))
    except ValueError:
        raise SlotError(f"{folder}/manifest.json is not in canonical form") from None


def _past(stream, text, mark):
    """[`text` and what is read up to `mark`, what was read behind it]"""
    while mark not in text:
        piece = stream.read(_PIECE)
        if not piece:
            raise ValueError(mark)
        text += piece
    return text.split(mark, 1)


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


def _count(folder):
    """(files, folders) in a folder, at any depth."""
    files = folders = 0
    for entry in os.ilistdir(folder):
        if entry[1] == _FOLDER:
            deeper = _count(folder + "/" + entry[0])
            files, folders = files + deeper[0], folders + deeper[1] + 1
        else:
            files += 1
    return files, folders


def _strangers(folder, files):
    """[(path, is a folder)] of what is not among a manifest's files, contents before their folder."""
    names, folders = set(contents.RESERVED), set()
    for file in files:
        names.add(file["path"])
        folders.update(contents.folders_of(file["path"]))
    known = {True: folders, False: names}
    return [(path, is_folder) for path, is_folder in _walk(folder, "") if path not in known[is_folder]]


def _walk(folder, prefix):
    for entry in list(os.ilistdir(folder + "/" + prefix)):
        path = prefix + entry[0]
        if entry[1] == _FOLDER:
            yield from _walk(folder, path + "/")
        yield path, entry[1] == _FOLDER


def device_secret(root=""):
    """The 32 bytes that only this device has. SlotError without them."""
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
