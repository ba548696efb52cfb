"""`fieldrec board flash` on a new board, on one that has an identity, and with the cable pulled in the middle."""

import dataclasses
import hashlib
import hmac
import json

import pytest

from tests.onboard.conftest import BOOT_S, at_port, flash_all, power_cycle, stop_after
from tools import keys, release
from tools.board import flash
from tools.board.link import DeviceError, LinkError, connected


def seal_is_right(files: dict[str, bytes], slot: str = "a") -> bool:
    secret, manifest = files["etc/seal.key"], files[f"{slot}/manifest.json"]
    return files[f"{slot}/seal"] == hmac.digest(secret, manifest, hashlib.sha256)


def test_a_new_board_becomes_a_device(tmp_path, order, flash_files):
    with at_port(tmp_path, {}) as live:
        done = flash_all(tmp_path / "port", order)
        live.wait_line("app 1.0.0 in slot a, state IDLE", BOOT_S)
        again = flash_all(tmp_path / "port", dataclasses.replace(order, device_id="", board=""))
    assert (done.device_id, done.version, done.count.kept) == ("rec-0001", "1.0.0", 0)
    assert (again.count.written, again.count.kept) == (
        0,
        done.count.written - 3,
    )  # of the three in /etc none is asked
    there = live.board.read_flash()
    ours = ("etc/device.json", "etc/seal.key", "etc/settings.json", "a/seal")  # the rest is as in an image
    assert {p: c for p, c in flash_files.items() if p not in ours}.items() <= there.items()
    assert json.loads(there["etc/device.json"]) == {"id": "rec-0001", "board": "virtual", "cloud": ""}
    assert len(there["etc/seal.key"]) == 32 and seal_is_right(there)
    assert not [path for path in there if path.endswith(".new")]


def test_a_cable_pulled_again_and_again(new_board, tmp_path, order):
    """Each time after a few commands, which kills the board, too: the next run goes on where it was."""
    for calls in (3, 9, 45, 60, 30):
        with connected(tmp_path / "port") as link, pytest.raises(LinkError, match="pulled"):
            stop_after(link, calls)
            flash.flash(link, order)
        start = power_cycle(new_board)
        new_board.wait_line("MicroPython", BOOT_S, start)  # its own REPL, and no half of an SPL
        assert not [line for line in new_board.board.lines[start:] if "spl:" in line]
    done = flash_all(tmp_path / "port", order)
    assert done.count.written > 0 and done.count.kept > 40
    new_board.wait_line("state IDLE", BOOT_S)


def test_an_identity_is_not_overwritten(device, tmp_path, order):
    with connected(tmp_path / "port") as link:
        with pytest.raises(flash.FlashError, match=r"its id is dev-0001, not rec-0001\. --new-identity"):
            flash.flash(link, order)
        with pytest.raises(flash.FlashError, match="its board is virtual, not esp32s3"):
            flash.flash(link, dataclasses.replace(order, device_id="", board="esp32s3"))


def test_a_flash_again_repairs_the_spl_and_keeps_the_identity(tmp_path, order, flash_files):
    worn = dict(flash_files)
    worn["board/gauge.py"] = b"raise ImportError\n"  # would be imported in place of gauge.mpy
    worn["bootloader/decide.mpy"] = worn["bootloader/decide.mpy"][:100]
    worn["etc/key.der"] = b"its key"
    with at_port(tmp_path, worn) as live:
        done = flash_all(tmp_path / "port", dataclasses.replace(order, device_id="", board=""))
        live.wait_line("state IDLE", BOOT_S)
    there = live.board.read_flash()
    assert done.count.written == 3  # decide.mpy, and both scripts of the start, which were away meanwhile
    assert {path: there.get(path) for path in flash_files} == flash_files
    assert "board/gauge.py" not in there and there["etc/key.der"] == b"its key"


def test_a_new_identity_forgets_the_old_one(tmp_path, order, flash_files):
    old = {
        **flash_files,
        "etc/key.der": b"k",
        "etc/cert.der": b"c",
        "etc/pin.txt": b"1",
        "data/job.json": b"{}",
    }
    anew = dataclasses.replace(order, new_identity=True)
    with at_port(tmp_path, old) as live:
        with connected(tmp_path / "port") as link, pytest.raises(LinkError, match="pulled"):
            stop_after(link, 12)
            flash.flash(link, anew)
        power_cycle(live)
        with connected(tmp_path / "port") as link, pytest.raises(flash.FlashError, match="not rec-0001"):
            flash.flash(link, order)  # it is not over
        flash_all(tmp_path / "port", anew)
        live.wait_line("state IDLE", BOOT_S)
    there = live.board.read_flash()
    assert json.loads(there["etc/device.json"])["id"] == "rec-0001"
    assert there["etc/seal.key"] != flash_files["etc/seal.key"] and seal_is_right(there)
    assert (
        not {"etc/key.der", "etc/cert.der", "etc/pin.txt", "etc/settings.json", "data/job.json"}
        & there.keys()
    )


def test_a_release_that_the_board_does_not_trust(tmp_path, order):
    keys.new(tmp_path / "others")
    forged = release.build("1.0.0", ["virtual"], tmp_path)
    release.sign(forged, tmp_path / "others" / "release.pem")
    with at_port(tmp_path, {}) as live:
        with (
            connected(tmp_path / "port") as link,
            pytest.raises(DeviceError, match=r"TrustError: .*unknown key"),
        ):
            flash.flash(link, dataclasses.replace(order, release=forged))
        start = power_cycle(live)
        live.wait_line("MicroPython", BOOT_S, start)
    assert not [path for path in live.board.read_flash() if path.startswith("a/") or path == "boot.py"]


@pytest.mark.parametrize(
    "found",
    [{"version": [1, 25, 0]}, {"name": "circuitpython"}, {"mpy": 5}],
    ids=["old", "other", "bytecode"],
)
def test_another_interpreter_is_refused(found):
    good = {"name": "micropython", "version": [1, 26, 1], "mpy": 6}
    flash.check_interpreter(good)
    with pytest.raises(flash.FlashError, match=r"MicroPython 1\.26 or newer is needed"):
        flash.check_interpreter({**good, **found})
