"""What a small change costs over the network, against the whole release."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools import release
from tools.release_build import PROJECT, TREES
from wire import dsse, frel


def measure() -> Iterator[tuple[str, str, str, str]]:
    """comparing two releases"""
    with tempfile.TemporaryDirectory() as folder:
        old = release.build("1.0.0", ["virtual"], Path(folder))
        new = release.build("1.0.1", ["virtual"], Path(folder), _changed(Path(folder) / "source"))
        fetched, whole, chunks = (
            _fetched(release.read(old), release.read(new)),
            new.stat().st_size,
            _count(new),
        )
    yield (
        f"bytes fetched for a changed line, {fetched[1]} of {chunks} chunks",
        f"{fetched[0]}",
        f"the whole release: {whole}",
        f"{fetched[0] / whole:.3f}",
    )


def _changed(source: Path) -> Path:
    """This tree with one number of one file changed."""
    for tree in TREES:
        shutil.copytree(PROJECT / tree, source / tree)
    path = source / "app/gestures.py"
    path.write_text(path.read_text().replace("_CUE_MS = const(60)", "_CUE_MS = const(50)"))
    return source


def _count(path: Path) -> int:
    return len(release.read(path).index) // frel.HASH_SIZE


def _fetched(old: release.Release, new: release.Release) -> tuple[int, int]:
    """(bytes, chunks) that a device on `old` fetches of `new`: head, index, and what it has nowhere."""
    known = {old.index[i : i + frel.HASH_SIZE] for i in range(0, len(old.index), frel.HASH_SIZE)}
    files = json.loads(dsse.parse(new.envelope)[1])["files"]
    sizes = [length for _, _, length in frel.chunks(files)]
    missing = [
        size
        for i, size in enumerate(sizes)
        if new.index[i * frel.HASH_SIZE : (i + 1) * frel.HASH_SIZE] not in known
    ]
    return frel.HEADER_SIZE + len(new.envelope) + len(new.index) + sum(missing), len(missing)
