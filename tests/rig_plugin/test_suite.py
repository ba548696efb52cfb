"""The suite itself on a bench that has almost nothing: each test says what it lacks, none breaks."""

import subprocess
import sys

from hil.sim import SimulatedPico
from tests.house.tree import ROOT


def test_every_test_says_what_it_needs(tmp_path):
    with SimulatedPico() as pico:
        rigs = tmp_path / "rigs.yaml"
        rigs.write_text(
            f"rigs:\n  b:\n    backend: pico\n    port: {pico.port}\n    capabilities: [capture, loopback]\n"
            "    calibration: {uncertainty_us: 100000}\n"
        )
        command = [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/hil", "--rig", "b", "--rigs", rigs,
            "--rig-report", tmp_path / "report.html",
        ]  # fmt: skip
        run = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stdout + run.stderr
    last = run.stdout.strip().splitlines()[-1]
    assert "skipped" in last and "passed" not in last and "error" not in last
