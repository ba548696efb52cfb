"""Room on the medium: how much there is, and which recordings may give way to a new one."""

import os

from micropython import const

from app import config, unfinished
from wire import recordings

RESERVE_BYTES = const(524_288)  # to close a recording: index, header, document; and a second of video
_FOLDER = "/REC"


def free_bytes(storage):
    about = os.statvfs(storage)
    return about[0] * about[3]


def oldest(storage, current):
    """The oldest session's folder that may go: not `current`, not one with a bookmark, not one to be repaired."""
    base = storage + _FOLDER
    if _FOLDER[1:] not in os.listdir(storage):
        return None
    open_ones = unfinished.folders()
    found = None
    for name in os.listdir(base):
        folder = base + "/" + name
        counter = name.split("-")[-1]
        if not counter.isdigit() or folder == current or folder in open_ones:
            continue
        if config.exists(folder + "/" + recordings.KEEP) or not config.exists(
            folder + "/" + recordings.DOCUMENT
        ):
            continue
        if found is None or int(counter) < found[0]:
            found = int(counter), folder
    return found and found[1]


def remove_one(folder):
    """Remove a session's next file, the document last; False once that is gone, and the folder with it."""
    names = os.listdir(folder)
    there = [name for name in names if config.exists(folder + "/" + name)]  # not an entry that was torn
    others = [name for name in there if name != recordings.DOCUMENT]
    os.remove(folder + "/" + (others[0] if others else recordings.DOCUMENT))
    if not others and len(names) == 1:
        os.rmdir(folder)
    return bool(others)
