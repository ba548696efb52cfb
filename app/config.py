"""Small files of the device: read as a whole, replaced as a whole. `root` is put in front of every path."""

import json
import os

from micropython import const

MISSING = object()
_FOLDER = const(0x4000)  # in the mode that stat gives


def exists(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


def is_folder(path):
    try:
        return bool(os.stat(path)[0] & _FOLDER)
    except OSError:
        return False


def make_folders(path):
    """The folders above `path`, where they are missing."""
    at = path.find("/", 1)
    while at > 0:
        try:
            os.stat(path[:at])
        except OSError:
            os.mkdir(path[:at])
        at = path.find("/", at + 1)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def read_json(path, default=MISSING):
    """The JSON in a file. Without a default a missing or damaged file is an OSError or a ValueError."""
    try:
        return json.loads(read(path))
    except (OSError, ValueError):
        if default is MISSING:
            raise
        return default


def write(path, data):
    """Replace a file so that a power cut leaves the old or the new content. OSError if the disk is full."""
    new = path + ".new"
    with open(new, "wb") as file:
        file.write(data)
        file.flush()
    os.rename(new, path)


def write_json(path, value):
    write(path, json.dumps(value).encode())


def device(root=""):
    """{"id", "board", "cloud"}: who this device is and where its cloud answers."""
    return read_json(root + "/etc/device.json")
