"""The flash and the card of a virtual board: made, and read as a programmer or a card reader would."""

from __future__ import annotations

import atexit
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import espimage

from tools.virtual import chip
from tools.virtual.processor import interpret, version

SD_BYTES = 64 << 20
_KEPT = 16  # boards to copy from


def make(folder: Path, files: Mapping[str, Path | bytes], runtime: bytes | None) -> None:
    """Flash and card of a new board in `folder`; `files` by their path on the board.

    Boards with the same files are common: they are copied from the first one that this process has made.
    """
    contents = {
        target: content if isinstance(content, bytes) else content.read_bytes()
        for target, content in sorted(files.items())
    }
    runtime = runtime or espimage.make(version())
    first = _first(_key(contents, runtime))
    if not first.exists():
        with tempfile.TemporaryDirectory(dir=first.parent, ignore_cleanup_errors=True) as new:
            _make(Path(new), contents, runtime)
            Path(new).rename(first)
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", *first.iterdir(), folder], check=True)  # it leaves holes as they are: most is empty


def _make(folder: Path, contents: Mapping[str, bytes], runtime: bytes) -> None:
    chip.prepare(folder, runtime)
    with open(folder / "sd.img", "wb") as image:
        image.truncate(SD_BYTES)
    with tempfile.TemporaryDirectory() as loose:
        arguments = []
        for i, (target, content) in enumerate(contents.items()):
            source = Path(loose) / str(i)
            source.write_bytes(content)
            arguments.append(f"{source}={target}")
        interpret("mkimage.py", str(folder), *arguments)


def _key(contents: Mapping[str, bytes], runtime: bytes) -> str:
    whole = hashlib.sha256(runtime)
    for target, content in contents.items():
        whole.update(f"\n{target} {len(content)}\n".encode() + content)
    return whole.hexdigest()


def _first(key: str) -> Path:
    """Where the first board with this content is, or is to be; only those that were used last are kept."""
    folder = _firsts()
    for old in sorted(folder.iterdir(), key=lambda each: each.stat().st_mtime_ns)[:-_KEPT]:
        shutil.rmtree(old)
    if (found := folder / key).exists():
        os.utime(found)
    return found


@functools.cache
def _firsts() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="fieldrec-boards-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def read_back(folder: Path, medium: str) -> dict[str, bytes]:
    """{path: content} of the "card" or the "flash" of a board that does not run."""
    with tempfile.TemporaryDirectory() as target:
        interpret("readback.py", str(folder.resolve()), medium, target)
        root = Path(target)
        return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}
