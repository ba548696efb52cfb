"""Files onto a board: only those whose SHA-256 is not right there already, and looked at again afterwards."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from tools.board.link import Link

Show = Callable[[str, int, int], None]  # (path, bytes done, bytes in all)


@dataclass
class Count:
    """What a command has written: files and bytes, and the files that were right already."""

    written: int = 0
    kept: int = 0
    bytes: int = 0


class Writer:
    """`wanted` is {absolute path: content} of all that is to be on the board in the end."""

    def __init__(self, link: Link, wanted: dict[str, bytes], show: Show):
        self._link, self._wanted, self._show = link, wanted, show
        self.stale = different(link, wanted)
        self.count = Count(kept=len(wanted) - len(self.stale))
        self._total = sum(len(wanted[path]) for path in self.stale)

    def write(self, paths: Iterable[str]) -> None:
        """Those of `paths` that are stale, in this order."""
        stale = [path for path in paths if path in self.stale]
        self._link.call("make_folders", stale)
        for path in stale:
            self._link.write(path, self._wanted[path], partial(self._told, path))
            self.stale.remove(path)
            self.count.written += 1

    def _told(self, path: str, size: int) -> None:
        self.count.bytes += size
        self._show(path, self.count.bytes, self._total)


def different(link: Link, wanted: dict[str, bytes]) -> set[str]:
    """The paths that are missing on the board, or hold something else."""
    paths = sorted(wanted)
    found = link.hashes(paths)
    return {
        path
        for path, has in zip(paths, found, strict=True)
        if has != hashlib.sha256(wanted[path]).hexdigest()
    }


def no_show(path: str, done: int, total: int) -> None:
    """Nobody looks."""
