"""The recordings that are not closed, by their folders: a file on the flash, whose file system can replace it.

A line is written before the folder is made and removed when the recording is whole, so that a start knows at once
whether there is anything to repair, without a look at the card.
"""

import os

from micropython import const

from app import config

_PATH = "/data/unfinished.txt"
_MOST = const(16)


def folders():
    """Oldest first."""
    try:
        with open(_PATH) as file:
            return [line for line in file.read().split("\n") if line]
    except OSError:
        return []


def add(folder):
    lines = folders()
    lines.append(folder)
    _write(lines[-_MOST:])


def remove(folder):
    _write([each for each in folders() if each != folder])


def _write(lines):
    if lines:
        config.make_folders(_PATH)
        config.write(_PATH, "\n".join(lines).encode())
    elif config.exists(_PATH):
        os.remove(_PATH)
