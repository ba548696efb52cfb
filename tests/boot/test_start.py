"""Slot choice on the virtual board: fallback, trial, revert, recovery."""

import binascii
import hashlib
import hmac
import json

import pytest

from hil.virtual import VirtualRig
from tools import signing
from tools.virtual.board import VirtualBoard


def record(**changes) -> bytes:
    """A boot record as it lies on the flash."""
    fields = {
        "active": "a", "state": "confirmed", "tries_left": 3, "previous": None,
        "security_floor": 0, "reason": "", "release": "",
    }  # fmt: skip
    text = json.dumps(fields | changes).encode()
    return text + b"\n%08x" % binascii.crc32(text)


@pytest.fixture
def start(tmp_path, flash_files):
    """A board with these changes to its flash, woken by a press."""
    rigs = []

    def started(changes: dict) -> VirtualRig:
        files = {path: data for path, data in (flash_files | changes).items() if data is not None}
        rig = VirtualRig(VirtualBoard.create(tmp_path / "board", files))
        rigs.append(rig)
        rig.restore_power()
        rig.wait(500)
        rig.press("PWR_SW1", 1600)
        rig.wait(3000)
        return rig

    yield started
    for rig in rigs:
        rig.close()


def in_slot(flash_files, slot) -> dict:
    return {slot + path[1:]: data for path, data in flash_files.items() if path.startswith("a/")}


def boot_record(rig) -> dict:
    rig.board.close()
    return json.loads(rig.board.read_flash()["boot.json"].split(b"\n")[0])


def test_a_good_slot_boots(start):
    rig = start({})
    assert "spl: slot a 1.0.0" in rig.board.lines


def test_a_changed_file_sends_the_board_to_the_other_slot(start, flash_files):
    broken = bytearray(flash_files["a/app/main.mpy"])
    broken[100] ^= 1
    rig = start(in_slot(flash_files, "b") | {"a/app/main.mpy": bytes(broken)})
    assert "spl: slot b 1.0.0" in rig.board.lines
    kept = boot_record(rig)
    assert kept["active"] == "b" and "app/main.mpy was changed" in kept["reason"]


def test_without_a_good_slot_there_is_recovery(start):
    rig = start({"a/seal": None})
    assert any(line.startswith("spl: RECOVERY") for line in rig.board.lines)
    assert rig.board.pins.get("LOAD", 0) == 0


def test_a_trial_that_crashes_is_reverted_after_three_tries(start, flash_files):
    """The image on trial hangs at its first line: the watchdog ends each try."""
    rig = start(hanging(flash_files) | {"boot.json": record(active="b", state="trial", previous="a")})
    rig.wait(60_000)
    boots = [line for line in rig.board.lines if line.startswith("spl: slot")]
    assert boots == ["spl: slot b 1.0.0"] * 3 + ["spl: slot a 1.0.0"]
    kept = boot_record(rig)
    assert kept["active"] == "a" and kept["reason"] == "slot b was not confirmed in 3 tries"


def hanging(flash_files) -> dict:
    """Slot b, sealed and good, with an app that never gets anywhere."""
    files = in_slot(flash_files, "b")
    app = b"import time\nwhile True:\n    time.sleep_ms(10)\n"
    manifest = json.loads(files["b/manifest.json"])
    for file in manifest["files"]:
        if file["path"] == "app/main.mpy":
            file |= {"path": "app/main.py", "size": len(app), "sha256": hashlib.sha256(app).hexdigest()}
    text = signing.canonical(manifest)
    seal = hmac.digest(flash_files["etc/seal.key"], text, "sha256")
    del files["b/app/main.mpy"]
    return files | {"b/app/main.py": app, "b/manifest.json": text, "b/seal": seal}


def test_a_trial_that_works_is_confirmed_after_its_self_test(start, flash_files):
    rig = start(in_slot(flash_files, "b") | {"boot.json": record(active="b", state="trial", previous="a")})
    rig.expect_line("version 1.0.0 confirmed", 60_000)
    kept = boot_record(rig)
    assert (kept["active"], kept["state"], kept["security_floor"]) == ("b", "confirmed", 1)
