"""A board that updates its runtime from a release on its own flash, and the releases for it."""

import json
from pathlib import Path

import pytest

from tests.runtime import life
from tests.runtime.life import Life
from tools import keys
from tools.virtual.chip import espimage


@pytest.fixture(scope="session")
def runtime_keys(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    keys.new(folder, ("app", "runtime"))
    return folder


@pytest.fixture
def live(tmp_path, flash_files, runtime_keys):
    """Make a board that is to install an image, or this content; it is not started yet."""
    made: list[Life] = []

    def make(
        *images: bytes, verdict: str = "good", old: bytes | None = None, contents=None, **fields
    ) -> Life:
        files, releases = {}, []
        for number, image in enumerate(images):
            path = tmp_path / f"release{number}.frel"
            version = espimage.describe(lambda at, size: image[at : at + size])[0]  # noqa: B023
            told = {"version": version} | fields
            life.release_of(contents or {"runtime.bin": image}, path, runtime_keys, **told)
            files[path.name] = path.read_bytes()
            releases.append([f"/{path.name}", "runtime", life.digest(path)])
        files["life.json"] = json.dumps({"releases": releases, "verdict": verdict}).encode()
        trust = {f"etc/{name}": (runtime_keys / name).read_bytes() for name in ("roots.json", "keyring.json")}
        made.append(Life(tmp_path / "board", {**flash_files, **trust, **files}, old))
        return made[-1]

    yield make
    for each in made:
        each.board.close()
