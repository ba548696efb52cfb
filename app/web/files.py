"""What is streamed: lists as JSON, one entry at a time, and files in pieces. None of it is ever whole in memory."""

import json
import os

from micropython import const

PIECE_BYTES = const(2048)
_FOLDER = "REC"
_IS_FOLDER = const(0x4000)
_PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."


def json_list(name, entries):
    """{"v": 1, NAME: [entries]} in pieces of text."""
    yield f'{{"v":1,"{name}":['
    comma = ""
    for entry in entries:
        yield comma + json.dumps(entry)
        comma = ","
    yield "]}"


def sessions(storage):
    """Names of the recordings, in the order of the card."""
    if _FOLDER in os.listdir(storage):
        for entry in os.ilistdir(f"{storage}/{_FOLDER}"):
            if entry[1] == _IS_FOLDER:
                yield {"name": entry[0]}


def files(folder):
    """Name and size of each file of a recording."""
    for entry in os.ilistdir(folder):
        if entry[1] != _IS_FOLDER:
            yield {"name": entry[0], "bytes": os.stat(f"{folder}/{entry[0]}")[6]}


def path(storage, *names):
    """Of a recording, or of a file in it. ValueError for a name that may lead elsewhere."""
    for name in names:
        if not name or name[0] == "." or not all(c in _PLAIN for c in name):
            raise ValueError("not a name of a recording")
    return f"{storage}/{_FOLDER}/" + "/".join(names)


def pieces(path):
    """The content of a file; the buffer is one, filled anew for each piece."""
    view = memoryview(bytearray(PIECE_BYTES))
    with open(path, "rb") as file:
        while True:
            count = file.readinto(view)
            if not count:
                return
            yield view[:count]


def lines(path, more):
    """The lines of a text file, if there is one, then `more`."""
    try:
        file = open(path)  # noqa: SIM115  # closed below
    except OSError:
        file = None
    if file:
        with file:
            for line in file:
                yield line.rstrip()
    yield from more
