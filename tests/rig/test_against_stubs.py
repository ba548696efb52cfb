"""The rig's firmware and its simulated Pico against MicroPython's stubs of the Pico's port: nothing a Pico lacks."""

import subprocess
import sys

import pytest

from tests.house.test_stand_ins import differences, module
from tests.house.tree import ROOT

STUBS = ROOT / ".venv/typings-rp2"

# what the stubs leave out, though the documentation has it: attributes of rp2.DMA; what a test looks at: the rest
NOT_IN_STUBS = [
    "DMA.count is not in the stubs",
    "DMA.left is not in the stubs",
    "DMA.store is not in the stubs",
    "PIO_BASES is not in the stubs",
    "machines is not in the stubs",
    "targets is not in the stubs",
]

# line of firmware: what the check must say of it
MISUSES = {
    "rp2.StateMachine(0).atcive(1)": 'has no attribute "atcive"',
    "rp2.DMA().pack_ctrl(size='x')": "incompatible type",
    "machine.I2CTarget(0, 1).irqs()": 'has no attribute "irqs"',
    "rp2.StateMachine(0).active(1)": "",
}


def check(*files: str) -> str:
    """What mypy says of firmware."""
    assert STUBS.is_dir(), f"{STUBS} is missing: make .venv anew"
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy-rig.ini", "--no-error-summary", *files]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode in (0, 1), run.stdout + run.stderr
    return run.stdout


def test_the_firmware_calls_what_there_is():
    assert check() == ""


def test_a_misuse_is_found(tmp_path):
    file = tmp_path / "example.py"
    file.write_text("import machine, rp2\n" + "\n".join(MISUSES))
    said = check(str(file)).splitlines()
    for number, (code, words) in enumerate(MISUSES.items(), start=2):
        found = [line for line in said if f"example.py:{number}: error" in line]
        assert bool(found) == bool(words) and all(words in line for line in found), (code, said)


@pytest.mark.parametrize(
    ("name", "stub"), [("machine", "machine"), ("rp2", "rp2/__init__"), ("time", "time")]
)
def test_a_stand_in_offers_nothing_that_a_pico_lacks(name, stub):
    ours, theirs = module(ROOT / f"hil/sim/{name}.py"), module(STUBS / f"{stub}.pyi")
    found = [d for n, nodes in ours.items() for d in differences(n, nodes, theirs.get(n), theirs)]
    assert [difference for difference in found if difference not in NOT_IN_STUBS] == []
