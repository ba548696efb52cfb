"""A recording's journal, and the document that is made of it.

Each event is a line with a CRC, added and made last at once: FAT can neither replace a file in one step nor be
trusted with one that is written over. When the recording ends, or is repaired, the lines become session.json,
which its seal makes whole; then the journal goes. What is in memory does not grow with the recording.
"""

import json
import os

from micropython import const

from app import config
from bootloader import files, hmac
from wire import recordings

_MOST_LINE = const(1024)
_SECRET_BYTES = const(32)
# a length that was written in part is shorter by less, or by so much that all was one line
_TORN_BYTES = const(512)
_LISTS = ("segments", "bookmarks", "lost")  # of the document; a line's kind is the name of its list
_SPANS = ("muted", "private")  # lists of [from ms, to ms], of lines [at ms, on or off]


class Journal:
    def __init__(self, folder):
        self._path = folder + "/" + recordings.JOURNAL
        self._name = folder.split("/")[-1]
        self._count = 0

    def add(self, kind, value):
        """Add an event; it is on the card when this returns."""
        with open(self._path, "ab") as file:
            file.write(b"\n" + recordings.line(self._name, self._count, kind, value).encode())
        self._count += 1

    def lines(self, kind):
        """The values of all lines of a kind. A line is there once, in its turn: a torn end may repeat some."""
        for found in self._all():
            if found[1] == kind:
                yield found[2]

    def _all(self):
        count = 0
        with open(self._path, "rb") as file:
            while text := file.readline(_MOST_LINE):
                found = self._parse(text)
                if found and found[0] == count:
                    count += 1
                    yield found

    def _parse(self, text):
        try:
            return recordings.parse(self._name, text.decode())
        except UnicodeError:
            return None

    def first(self, kind):
        """The value of the first line of a kind, or None."""
        for value in self.lines(kind):
            return value
        return None

    def recover(self):
        """Bring back lines behind a length that was torn. What else comes with them has no CRC that is right."""
        with open(self._path, "r+b") as file:
            file.seek(file.seek(0, 2) + _TORN_BYTES)
            file.flush()
        self._count = sum(1 for _ in self._all())

    def exists(self):
        return config.exists(self._path)

    def remove(self):
        os.remove(self._path)


def write_document(folder, journal):
    """Make session.json and session.seal of a journal that has its "end", and remove it."""
    key = seal_key()
    code = hmac.Sha256(key or b"")
    with open(folder + "/" + recordings.DOCUMENT, "wb") as file:
        for part in _parts(journal):
            file.write(part)
            code.update(part)
    if key:
        with open(folder + "/" + recordings.SEAL, "w") as file:
            file.write(code.digest().hex() + "\n")
    journal.remove()


def _parts(journal):
    """The document in pieces."""
    head, end = journal.first("head"), journal.first("end")
    about = dict(head)
    about.update(end)
    yield json.dumps(about).encode()[:-1]
    for name in _LISTS:
        yield from _list(name, journal.lines(name))
    for name in _SPANS:
        yield from _list(name, _spans(journal.lines(name), end["length_ms"]))
    yield b"}\n"


def _list(name, values):
    comma = ""
    yield f', "{name}": ['.encode()
    for value in values:
        yield (comma + json.dumps(value)).encode()
        comma = ", "
    yield b"]"


def _spans(edges, end_ms):
    begun = None
    for at_ms, on in edges:
        if on and begun is None:
            begun = at_ms
        elif not on and begun is not None:
            yield [begun, at_ms]
            begun = None
    if begun is not None:
        yield [begun, end_ms]


def seal_key():
    """The key of this device's seals on recordings, another one than that of its slots; None without a secret."""
    try:
        secret = files.read("/etc/seal.key", _SECRET_BYTES)
    except OSError:
        return None
    return hmac.sha256(secret, recordings.SEAL_PURPOSE) if len(secret) == _SECRET_BYTES else None
