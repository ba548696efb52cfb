"""A rig with a freshly flashed virtual board, off and with its battery in."""

from pathlib import Path

import pytest

from hil.virtual import VirtualRig
from tools import firmware, keys, release
from tools.virtual.board import VirtualBoard


@pytest.fixture(scope="session")
def first_release(tmp_path_factory) -> Path:
    """Release 1.0.0 of this tree, signed; its keys are in `keys` beside it."""
    folder = tmp_path_factory.mktemp("release")
    keys.new(folder / "keys")
    path = release.build("1.0.0", ["virtual"], folder, created="2026-01-01T00:00:00Z")
    release.sign(path, folder / "keys" / "release.pem")
    return path


@pytest.fixture(scope="session")
def flash_files(first_release) -> dict[str, bytes]:
    """The flash of a board without a network."""
    identity = firmware.Identity(
        "dev-0001", "virtual", first_release.parent / "keys", settings={"wifi_on": False}
    )
    return firmware.files(identity, first_release)


@pytest.fixture
def rig(tmp_path, flash_files):
    rig = VirtualRig(VirtualBoard.create(tmp_path / "board", flash_files))
    rig.restore_power()
    rig.wait(1000)
    assert rig.board.power == "off"
    yield rig
    rig.close()
