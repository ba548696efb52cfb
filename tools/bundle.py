"""A file of somebody else's making, as a release: what a device that speaks DDI downloads and understands."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from tools.release_build import pack
from wire import frel, semver


def wrap(
    file: Path,
    out: Path,
    *,
    name: str,
    version: str,
    boards: Iterable[str],
    kind: str = "runtime",
    security_version: int = 1,
) -> Path:
    """An unsigned OUT/NAME-VERSION.frel that holds `file` and nothing else. ValueError says what can't be.

    The same file gives the same bytes: `created` is SOURCE_DATE_EPOCH, or the time of the file.
    """
    semver.parse(version)
    content = file.read_bytes()
    if not 0 < len(content) <= frel.MAX_PAYLOAD:
        raise ValueError(f"{file} has {len(content)} bytes, a release has 1 to {frel.MAX_PAYLOAD}")
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH") or file.stat().st_mtime)
    fields = {
        "kind": kind,
        "name": name,
        "version": version,
        "security_version": security_version,
        "boards": sorted(set(boards)),
        "requires": {"runtime": "0.0.0", "app": "0.0.0"},
        "created": datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}-{version}.frel"
    path.write_bytes(pack(fields, {file.name: content}))
    return path
