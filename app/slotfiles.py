"""Chunks in the files of a slot: looked up by their hash, written where they belong."""

import hashlib
import os

from app.config import make_folders


def is_right(view, sha256):
    return hashlib.sha256(view).digest() == sha256


class _Files:
    """Files in `folder`; the one used last stays open."""

    def __init__(self, folder):
        self._folder = folder
        self._path = self._file = None

    def close(self):
        if self._file:
            self._file.close()
        self._path = self._file = None


class Reader(_Files):
    def holds(self, path, offset, view, sha256):
        """Whether the chunk is there, and right. It is in `view` then."""
        return self.read(path, offset, view) and is_right(view, sha256)

    def read(self, path, offset, view):
        """Fill `view`; False if the file does not reach so far."""
        if path != self._path:
            self._open(path)
        if not self._file:
            return False
        self._file.seek(offset)
        return self._file.readinto(view) == len(view)

    def size(self, path):
        """Bytes of the file, 0 if there is none."""
        try:
            return os.stat(self._folder + "/" + path)[6]
        except OSError:
            return 0

    def _open(self, path):
        self.close()
        self._path = path
        try:
            self._file = open(self._folder + "/" + path, "rb")  # noqa: SIM115 - closed by `close`
        except OSError:
            self._file = None


class Writer(_Files):
    """A power cut keeps each write that has returned."""

    def put(self, path, offset, view):
        """OSError if it can't be written, as with a full disk."""
        if path != self._path:
            self._open(path)
        self._file.seek(offset)
        self._file.write(view)
        self._file.flush()

    def make_empty(self, path):
        self._open(path)
        self.close()

    def remove(self, path):
        self.close()
        os.remove(self._folder + "/" + path)

    def _open(self, path):
        self.close()
        full = self._folder + "/" + path
        try:
            self._file = open(full, "r+b")  # noqa: SIM115 - closed by `close`
        except OSError:
            make_folders(full)
            self._file = open(full, "wb")  # noqa: SIM115 - closed by `close`
        self._path = path
