"""`fieldrec board log`: what a device kept of its log on its flash, and what it says now."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.board.link import Link, lines

_FILES = ("/data/log.txt.old", "/data/log.txt")  # app/log


def kept(link: Link) -> list[str]:
    """The lines on the flash, oldest first. The app was stopped for it, and has written its latest."""
    link.load("files")
    there = link.hashes(list(_FILES))
    parts = {path: link.read(path) for path, digest in zip(_FILES, there, strict=True) if digest}
    return _lines(parts)


def kept_in(folder: Path) -> list[str]:
    """The same of a virtual board's folder; the board must not run."""
    from tools.virtual.board import VirtualBoard

    return _lines({f"/{path}": content for path, content in VirtualBoard(folder).read_flash().items()})


def follow(port: Path) -> Iterator[str]:
    """What it says from now on, without an end. Nothing is sent: what runs goes on."""
    return lines(None, str(port), None)


def _lines(parts: Mapping[str, bytes]) -> list[str]:
    text = b"".join(parts.get(path, b"") for path in _FILES)
    return text.decode(errors="replace").splitlines()
