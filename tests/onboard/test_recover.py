"""`fieldrec board recover`: both slots are bad, and the device stays who it is."""

import pytest

from tests.onboard.conftest import BOOT_S, at_port
from tools import release
from tools.board import recover
from tools.board.flash import FlashError
from tools.board.link import DeviceError, connected
from tools.release_build import assemble
from wire import dsse


def broken(files: dict[str, bytes]) -> dict[str, bytes]:
    """A slot with a changed byte, and one that is empty."""
    main = files["a/app/main.mpy"]
    return {**files, "a/app/main.mpy": main[:100] + b"?" + main[101:], "etc/key.der": b"its key"}


def test_a_signed_release_brings_it_back(tmp_path, flash_files, first_release):
    with at_port(tmp_path, broken(flash_files)) as live:
        live.wait_line("RECOVERY: no slot boots", BOOT_S)
        with connected(tmp_path / "port") as link:
            done = recover.recover(link, first_release)
            said = link.restart("IDLE", recover.BOOTED, BOOT_S)
        live.wait_line("state IDLE", BOOT_S)
    assert said[-1] == "spl: slot a 1.0.0"
    assert (done.device_id, done.slot, done.count.written) == ("dev-0001", "a", 1)  # the rest was right
    there = live.board.read_flash()
    assert {path: there.get(path) for path in flash_files} == flash_files and there[
        "etc/key.der"
    ] == b"its key"


def test_what_it_does_not_trust_does_not_touch_the_slot(tmp_path, flash_files, first_release):
    parts, bare = release.read(first_release), tmp_path / "bare.frel"
    payload_type, payload, _ = dsse.parse(parts.envelope)
    bare.write_bytes(assemble(dsse.pack(payload_type, payload, []), parts.index, parts.payload))
    with at_port(tmp_path, broken(flash_files)) as live:
        live.wait_line("RECOVERY: no slot boots", BOOT_S)
        with connected(tmp_path / "port") as link, pytest.raises(DeviceError, match="no signature"):
            recover.recover(link, bare)
        live._call(live.board.close)
    there = live.board.read_flash()
    assert {path: there.get(path) for path in flash_files} == {p: broken(flash_files)[p] for p in flash_files}


def test_a_good_slot_needs_no_recovery(device, tmp_path, first_release):
    with connected(tmp_path / "port") as link:
        with pytest.raises(FlashError, match=r"slot a \(1.0.0\) is good"):
            recover.recover(link, first_release)
        assert recover.recover(link, first_release, "b").slot == "b"
        link.restart("IDLE")
    device.wait_line("in slot b, state IDLE", BOOT_S)
