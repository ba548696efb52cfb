"""Releases to update from and to: this tree's app with differences, and images of the runtime."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tools import release
from tools.release_build import PROJECT, TREES
from tools.virtual import espimage

_CREATED = "2026-01-01T00:00:00Z"
# what is left of app/ and board/ where it needn't run: a slot is a slot, and a third of the work at each cut
_KEPT = {"__init__", "fill", "http", "jobs", "main", "mqtt", "power", "pins", "states", "update"}
# by what a release is called: (each so many modules of app/ differ, numbers in app/table.json)
_DIFFERENCES = {"": (0, 0), "older": (2, 4000), "update": (3, 1800), "following": (5, 1800)}


class Maker:
    """Makes releases in `folder`, of the `whole` app or of a part of it."""

    def __init__(self, folder: Path, whole: bool) -> None:
        self._folder, self._whole = folder, whole

    def app(self, version: str, security_version: int, called: str, key: Path) -> Path:
        """The older release has a file that is gone by now, and one that is longer than it will be."""
        source = self._folder / f"source-{version}"
        for tree in TREES:
            shutil.copytree(PROJECT / tree, source / tree, ignore=self._left_out)
        each, numbers = _DIFFERENCES[called]
        for path in sorted((source / "app").glob("*.py"))[::each] if each else []:
            path.write_text(path.read_text() + f'\n_NOTE = "{called}"\n')
        if numbers:
            (source / "app/table.json").write_text(json.dumps([n * len(called) for n in range(numbers)]))
        if called == "older":
            (source / "app/gone.json").write_text(json.dumps(list(range(1500))))
        path = release.build(
            version, ["virtual"], self._folder, source, security_version=security_version, created=_CREATED
        )
        release.sign(path, key)
        return path

    def _left_out(self, folder: str, names: list[str]) -> set[str]:
        strange = {name for name in names if name.endswith(".py") and name.removesuffix(".py") not in _KEPT}
        all_of_it = self._whole or Path(folder) == PROJECT / "wire"
        return {"__pycache__"} | (set() if all_of_it else strange)

    def runtime(self, version: str, security_version: int, key: Path) -> Path:
        fields = {
            "kind": "runtime", "name": "micropython", "version": version, "security_version": security_version,
            "boards": ["virtual"], "requires": {"app": "0.0.0", "runtime": "1.26.0"}, "created": _CREATED,
        }  # fmt: skip
        path = self._folder / f"micropython-{version}.frel"
        path.write_bytes(release.pack(fields, {"runtime.bin": runtime_image(version)}))
        release.sign(path, key)
        return path


def runtime_image(version: str) -> bytes:
    """One that has no block in common with that of another version."""
    return espimage.make(version, salt=version)
