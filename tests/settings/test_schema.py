"""A release with a newer schema of the settings, on trial, on a whole board."""

import binascii
import json
import shutil

import pytest

from hil.virtual import VirtualRig
from tools import firmware, release
from tools.release_build import PROJECT
from tools.virtual.board import VirtualBoard

_STEP = """STEPS: tuple = ()

def _longer(kept):
    kept["segment_s"] = kept["segment_s"] * 2

STEPS = (_longer,)
"""


@pytest.fixture
def on_trial(tmp_path, first_release):
    """A board with 1.0.0 in slot a, and on trial in slot b 2.0.0, whose settings are of version 2."""
    source = tmp_path / "source"
    for tree in ("app", "board", "wire"):
        shutil.copytree(PROJECT / tree, source / tree)
    module = source / "app/settingsfile.py"
    module.write_text(module.read_text().replace("STEPS: tuple = ()\n", _STEP))
    newer = release.build("2.0.0", ["virtual"], tmp_path, source, created="2026-01-01T00:00:00Z")
    release.sign(newer, first_release.parent / "keys/release.pem")
    settings = {"wifi_on": False, "segment_s": 30}
    identity = firmware.Identity("dev-1", "virtual", first_release.parent / "keys", settings=settings)
    files = firmware.files(identity, first_release)
    release.unpack(newer, tmp_path / "b", files["etc/seal.key"])
    slot = {f"b/{p.relative_to(tmp_path / 'b')}": p for p in (tmp_path / "b").rglob("*") if p.is_file()}
    record = {
        "active": "b", "state": "trial", "tries_left": 3, "previous": "a", "security_floor": 0,
        "reason": "", "release": "",
    }  # fmt: skip
    text = json.dumps(record).encode()
    files |= {"boot.json": text + b"\n%08x" % binascii.crc32(text)}
    with VirtualBoard.create(tmp_path / "board", files | slot) as board:
        rig = VirtualRig(board)
        rig.host_present(True)
        rig.restore_power()
        rig.expect_line("settings of version 1 are now of version 2", 2000)
        yield rig


def kept(rig) -> dict[str, dict]:
    rig.cut_power()
    flash = rig.board.read_flash()
    return {path: json.loads(data) for path, data in flash.items() if path.startswith("etc/settings")}


def test_settings_of_a_confirmed_release_are_of_its_version(on_trial):
    on_trial.expect_line("version 2.0.0 confirmed", 40_000)
    found = kept(on_trial)
    assert found["etc/settings-2.json"]["segment_s"] == 60
    assert found["etc/settings.json"]["segment_s"] == 30


def test_the_old_release_finds_its_settings_as_they_were(on_trial):
    for _ in range(3):
        on_trial.cut_power()
        on_trial.restore_power()
        on_trial.wait(1000)
    assert "spl: slot a 1.0.0" in on_trial.board.lines
    assert kept(on_trial) == {"etc/settings.json": {"wifi_on": False, "segment_s": 30}}
