"""A test of the tests: a firmware with one threshold moved by 20 ms fails the tests of that row, and no other."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.hil.holds import HOLDS, Hold
from tests.hil.updating import changed
from tests.house.tree import ROOT
from tools import firmware, release, release_build

SUITE = ["tests/hil/test_holds.py", "tests/hil/test_cues.py"]
DECIDE = "bootloader/decide"

# row: file, what it says there, what it is changed into
MOVED = {
    "off SW1 1500": (f"{DECIDE}.py", '"PWR_SW1": 1500', '"PWR_SW1": 1520'),
    "off SW2 1000": (f"{DECIDE}.py", '"PWR_SW2": 1000', '"PWR_SW2": 980'),
    "idle SW1 3000": ("app/states.py", '(IDLE, ("PWR_SW1", 3000)', '(IDLE, ("PWR_SW1", 3020)'),
    "idle SW2 1000": ("app/states.py", '(IDLE, ("PWR_SW2", 1000)', '(IDLE, ("PWR_SW2", 980)'),
    "record SW2 3000": ("app/states.py", '(RECORD, ("PWR_SW2", 3000)', '(RECORD, ("PWR_SW2", 3020)'),
}


def image(folder: Path, source: Path, keys: Path) -> Path:
    """The flash of a device whose firmware is built from `source`, as a folder."""
    frel = release.build("1.0.0", ["virtual"], folder, source, created="2026-01-01T00:00:00Z")
    release.sign(frel, keys / "release.pem")
    files = firmware.files(firmware.Identity("dev-0001", "virtual", keys, settings={"wifi_on": False}), frel)
    files[f"{DECIDE}.mpy"] = release_build.content(source / f"{DECIDE}.py", f"{DECIDE}.py")
    for path, content in files.items():
        (folder / "image" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "image" / path).write_bytes(content)
    return folder / "image"


def outcome(folder: Path, flash: Path) -> tuple[set[str], set[str], dict[str, str]]:
    """(tests that failed, tests that passed, what was measured) on a rig with that firmware."""
    junit = folder / "junit.xml"
    command = [
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SUITE, "--firmware", flash, "--repeats", "1",
        "--rig-report", folder / "report.html", f"--junitxml={junit}",
    ]  # fmt: skip
    run = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=150)
    assert run.returncode in (0, 1), run.stdout + run.stderr
    cases = list(ElementTree.parse(junit).iter("testcase"))
    assert not [case for case in cases if case.find("error") is not None], run.stdout
    failed = {case.get("name", "") for case in cases if case.find("failure") is not None}
    measured = {p.get("name", ""): p.get("value", "") for case in cases for p in case.iter("property")}
    return failed, {case.get("name", "") for case in cases} - failed, measured


def of_row(tests: set[str], hold: Hold) -> set[str]:
    return {name for name in tests if name.endswith(f"[{hold}]")}


# one row in each run of the tests, all in `make hil`
ROWS = [pytest.param(row, marks=[pytest.mark.long] if number else []) for number, row in enumerate(MOVED)]


@pytest.mark.parametrize("row", ROWS)
def test_its_row_fails_and_no_other(tmp_path, first_release, row):
    hold = next(hold for hold in HOLDS if hold.name == row)
    source = changed(tmp_path / "source", *MOVED[row])
    failed, passed, measured = outcome(tmp_path, image(tmp_path, source, first_release.parent / "keys"))
    assert failed == of_row(failed | passed, hold)
    assert len(failed) == (2 if hold.start == "OFF" else 3)
    assert len(passed) > 20
    moved_ms = int(MOVED[row][2].strip(")").split()[-1])
    assert float(measured[f"{row}: median [ms]"]) == pytest.approx(moved_ms, abs=1.1)
    assert measured[f"{row}: verdict"] == "FAIL"
