"""The flash and the card of a virtual board: made, and read as a programmer or a card reader would."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import espimage

from tools.virtual import chip
from tools.virtual.processor import interpret, version

SD_BYTES = 64 << 20


def make(folder: Path, files: Mapping[str, Path | bytes], runtime: bytes | None) -> None:
    """Flash and card of a new board in `folder`; `files` by their path on the board."""
    folder.mkdir(parents=True, exist_ok=True)
    chip.prepare(folder, runtime or espimage.make(version()))
    with open(folder / "sd.img", "wb") as image:
        image.truncate(SD_BYTES)
    with tempfile.TemporaryDirectory() as loose:
        arguments = []
        for i, (target, content) in enumerate(sorted(files.items())):
            if isinstance(content, bytes):
                source = Path(loose) / str(i)
                source.write_bytes(content)
            else:
                source = content
            arguments.append(f"{source}={target}")
        interpret("mkimage.py", str(folder), *arguments)


def read_back(folder: Path, medium: str) -> dict[str, bytes]:
    """{path: content} of the "card" or the "flash" of a board that does not run."""
    with tempfile.TemporaryDirectory() as target:
        interpret("readback.py", str(folder.resolve()), medium, target)
        root = Path(target)
        return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}
