"""`fieldrec board doctor` on a good board and on broken ones. It changes nothing."""

import pytest
from typer.testing import CliRunner

from tests.onboard.conftest import BOOT_S, at_port
from tools.board import doctor
from tools.board.link import connected
from tools.cli import main

WHATS = (
    "runtime", "images", "free flash", "heap", "files", "boot record", "slot a", "slot b", "trust", "gauge",
    "thermistor", "card", "microphone", "WiFi", "clock", "certificate",
)  # fmt: skip


def verdicts(rows: list[doctor.Row]) -> dict[str, str]:
    return {row.what: row.verdict for row in rows}


def examined(folder) -> dict[str, doctor.Row]:
    with connected(folder / "port") as link:
        return {row.what: row for row in doctor.examine(link)}


def test_a_good_board_and_nothing_is_changed(tmp_path, flash_files):
    with at_port(tmp_path, flash_files) as live:
        live.wait_line("state IDLE", BOOT_S)
        with connected(tmp_path / "port") as link:
            before = link_state(link)
            rows = doctor.examine(link)
            assert link_state(link) == before
    assert tuple(row.what for row in rows) == WHATS
    assert {what for what, verdict in verdicts(rows).items() if verdict == doctor.WRONG} == set()
    notes = {what for what, verdict in verdicts(rows).items() if verdict == doctor.NOTE}
    assert notes <= {"WiFi", "certificate", "clock"}
    assert all(row.to_do for row in rows if row.verdict != doctor.GOOD)


def link_state(link) -> dict[str, str]:
    """The hash of every file on the flash."""
    link.load("files")
    paths = link.call("listing", "")
    return dict(zip(paths, link.hashes(paths), strict=True))


@pytest.mark.parametrize(
    ("order", "what", "words"),
    [
        (("set_gauge_fault", "nack", 0), "gauge", "G01 gauge: no answer"),
        (("set_gauge_fault", "stuck_sda", 0), "gauge", "B01 I2C: SDA is held low"),
        (("set_gauge_fault", "wrong_part", 0), "gauge", "G02 gauge: another part"),
        (("battery_mv", 3300), "gauge", "MAX17048, 3300 mV"),
        (("temperature_c", -40), "thermistor", "T01 thermistor: open"),
    ],
)
def test_what_is_broken_is_named(device, tmp_path, order, what, words):
    with connected(tmp_path / "port") as link:
        device.do(*order)  # not before: a board that finds its cell empty switches off
        link._run("import time\ntime.sleep_ms(600)")  # the gauge converts every 250 ms
        rows = {row.what: row for row in doctor.examine(link)}
    assert {name for name, row in rows.items() if row.verdict == doctor.WRONG} == {what}
    assert rows[what].found.startswith(words) and rows[what].to_do
    assert doctor.must_not_restart(list(rows.values()))


def test_damaged_files_are_named(tmp_path, flash_files):
    worn = {**flash_files, "a/wire/frel.mpy": b"", "etc/keyring.json": flash_files["etc/keyring.json"][:-9]}
    with at_port(tmp_path, worn) as live:
        live.wait_line("RECOVERY", BOOT_S)
        rows = examined(tmp_path)
    assert "frel.mpy is shorter" in rows["slot a"].found and "recover" in rows["slot a"].to_do
    assert "recover" not in rows["slot b"].to_do  # it is empty: nothing is wrong with it
    assert rows["trust"].verdict == doctor.WRONG and "flash" in rows["trust"].to_do


def test_a_new_board_is_told_to_be_flashed(new_board, tmp_path):
    run = CliRunner().invoke(main, ["board", "doctor", "--port", str(tmp_path / "port")])
    assert run.exit_code == 1
    assert "missing: /boot.py" in run.stdout and "fieldrec board flash" in " ".join(run.stdout.split())


def test_no_board_at_all(tmp_path):
    run = CliRunner().invoke(main, ["board", "doctor", "--port", str(tmp_path / "nothing")])
    assert run.exit_code == 1 and "is the board plugged in" in run.stderr


@pytest.mark.parametrize(
    ("a", "b", "advised"),
    [("good", "bad", ["next"]), ("bad", "good", ["next"]), ("bad", "bad", ["recover"] * 2)],
)
def test_slots_are_filled_by_cable_where_none_boots(a, b, advised):
    kinds = {"good": (doctor.GOOD, "1.0.0", ""), "bad": (doctor.WRONG, "changed", "the next update fills it")}
    rows = doctor._slots([doctor.Row("slot a", *kinds[a]), doctor.Row("slot b", *kinds[b])])
    told = [row.to_do for row in rows if row.to_do]
    assert len(told) == len(advised) and all(word in words for word, words in zip(advised, told, strict=True))
