"""A device that updates itself from a release on its own flash: any rig that can flash it will do, without network."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.runtime.life import MAIN
from tools import firmware, release
from tools.release_build import PROJECT, TREES

SETTLED = "settled: "
_CHANGE = ("_CUE_MS = const(60)", "_CUE_MS = const(50)")


def board_of(rig) -> str:
    """The folder of board/ that the device under test is."""
    return "virtual" if rig.backend == "virtual" else "esp32s3"


def updating(rig, folder: Path, keys: Path) -> dict[str, bytes]:
    """The flash of such a device: 1.0.0 in its slot, a signed 1.0.1 beside it."""
    board = board_of(rig)
    new = release.build("1.0.1", [board], folder, changed(folder / "source", "app/gestures.py", *_CHANGE))
    release.sign(new, keys / "release.pem")
    told = {"releases": [["/new.frel", "app", release.inspect(new)["digest"]]], "verdict": "good"}
    return flash(rig, folder, keys) | {
        "main.py": MAIN.read_bytes().replace(b'"virtual"', f'"{board}"'.encode()),
        "new.frel": new.read_bytes(),
        "life.json": json.dumps(told).encode(),
    }


def flash(rig, folder: Path, keys: Path) -> dict[str, bytes]:
    """A new device with 1.0.0, without a network."""
    identity = firmware.Identity("dev-0001", board_of(rig), keys, settings={"wifi_on": False})
    return firmware.first_flash(identity, folder)


def changed(source: Path, file: str, before: str, after: str) -> Path:
    """A copy of what a release is built from, with one text of one file replaced."""
    for tree in (*TREES, "bootloader"):
        shutil.copytree(PROJECT / tree, source / tree)
    path = source / file
    text = path.read_text()
    assert text.count(before) == 1, f"{before!r} is {text.count(before)} times in {file}"
    path.write_text(text.replace(before, after))
    return source
