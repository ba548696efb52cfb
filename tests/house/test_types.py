"""The type check of device code knows MicroPython: what a board's `machine` doesn't have is an error."""

import subprocess
import sys

from tests.house.tree import ROOT

# line of device code: what the check must say of it
MISUSES = {
    "machine.Pin(1).vlaue()": '"Pin" has no attribute "vlaue"',
    "machine.deepslep(1)": 'has no attribute "deepslep"',
    "machine.I2C(0).readfrom_mem('x', 2, 2)": 'incompatible type "str"',
    "time.ticks_diff(1)": "No overload variant",
    "asyncio.create_taks(1)": 'has no attribute "create_taks"',
    "machine.Pin(1, machine.Pin.OUT).value(1)": "",
}


def test_a_misuse_is_found(tmp_path):
    file = tmp_path / "example.py"
    file.write_text("import asyncio, machine, time\n" + "\n".join(MISUSES))
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        "mypy-device.ini",
        f"--cache-dir={tmp_path}",
        str(file),
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    for number, (code, words) in enumerate(MISUSES.items(), start=2):
        found = [line for line in run.stdout.split("\n") if f"example.py:{number}: error" in line]
        assert len(found) == bool(words) and all(words in line for line in found), (
            code,
            run.stdout + run.stderr,
        )
