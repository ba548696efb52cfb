"""What WAV and AVI segments have in common: headers written over, and the steps of a repair."""

import asyncio
import binascii
import hashlib

from micropython import const

_PIECES = const(8)  # read before others have their turn


def put_header(file, head):
    """Write the header over, and make all that was written so far last.

    The card's file system writes the header's sector first, then its table, then the file's length: at most one of
    them is torn, and the other one tells.
    """
    file.seek(0)
    file.write(head)
    file.flush()
    file.seek(0, 2)


class Segment:
    """A file that is being written. `digest` is there once it is closed."""

    digest = b""

    def __init__(self, path):
        self._file = open(path, "wb")  # noqa: SIM115  # until it is closed
        self._hash = hashlib.sha256()

    def _end(self, head):
        """Write the last header; its hash comes last, too."""
        put_header(self._file, head)
        self._file.close()
        self._hash.update(head)
        self.digest = self._hash.digest()

    def abandon(self):
        """Let go of the file as it is, for the card may be gone; the next repair makes the best of it."""
        try:
            self._file.close()
        except OSError as error:
            print("segment left as it is:", error)


def facts(digest, sound_bytes, frames):
    """What the journal keeps of a segment."""
    return {"sha256": binascii.hexlify(digest).decode(), "sound_bytes": sound_bytes, "frames": frames}


def reach(file, size, wanted):
    """Make a file as long as its header says: its data are there, its length was torn."""
    if wanted > size:
        file.seek(wanted)
        file.flush()


def read_at(file, at, size, buffer):
    """A view of `size` bytes (fewer at the end) in `buffer`."""
    view = memoryview(buffer)[:size]
    file.seek(at)
    return view[: file.readinto(view)]


async def hash_rest(file, at, end, digest, buffer):
    """Bytes `at` to before `end`, given to `digest` in parts; the rest of the program goes on meanwhile."""
    turns = 0
    while at < end:
        view = read_at(file, at, min(len(buffer), end - at), buffer)
        if not view:
            raise OSError(f"the file ends at {at}, not at {end}")
        digest.update(view)
        at += len(view)
        turns += 1
        if not turns % _PIECES:
            await asyncio.sleep_ms(0)
