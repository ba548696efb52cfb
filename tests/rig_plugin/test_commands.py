"""`fieldrec rig`: the inventory, a rig's self-test, its calibration."""

import pytest
from typer.testing import CliRunner

from hil.locking import held
from hil.sim import SimulatedPico
from tools.cli import main


def fieldrec(*arguments: object):
    return CliRunner().invoke(main, ["rig", *map(str, arguments)])


@pytest.fixture
def rigs(tmp_path):
    with SimulatedPico() as pico:
        path = tmp_path / "rigs.yaml"
        path.write_text(
            f"rigs:\n  bench1:\n    backend: pico\n    port: {pico.port}\n"
            "    calibration: {uncertainty_us: 100000}\n"  # the simulated one answers when the host has time
        )
        path.with_name("port").write_text(pico.port)
        yield path


def test_list_shows_who_uses_a_rig(rigs):
    port = rigs.with_name("port").read_text()
    assert "in use by" in fieldrec("list", "--rigs", rigs).output
    with held(port):
        assert "process" in fieldrec("list", "--rigs", rigs).output
        refused = fieldrec("check", "bench1", "--rigs", rigs)
    assert refused.exit_code == 1 and f"error: {port} is in use by process" in refused.output


def test_check_says_what_the_rig_is(rigs):
    checked = fieldrec("check", "bench1", "--rigs", rigs)
    assert checked.exit_code == 0, checked.output
    assert "drift_ppm" in checked.output and "us of 10000 us" in checked.output
    assert "bench1 is fit for tests" in checked.output
    assert fieldrec("check").exit_code == 0  # virtual needs no file


def test_calibrate_gives_lines_for_the_inventory(rigs):
    calibrated = fieldrec("calibrate", "bench1", "--rigs", rigs, "--seconds", 2)
    assert calibrated.exit_code == 0, calibrated.output
    assert "calibration:\n      drift_ppm: " in calibrated.output


def test_what_is_wrong_is_told_in_a_line(tmp_path):
    for arguments, words in (
        (("check", "bench9"), "no rig 'bench9'"),
        (("calibrate", "virtual"), "has no clock of its own"),
        (("list", "--rigs", tmp_path / "rigs.yaml"), "can't be read"),
        (("flash", "--port", "/dev/nowhere"), "mpremote cp on /dev/nowhere failed"),
    ):
        failed = fieldrec(*arguments)
        assert failed.exit_code == 1 and failed.output.startswith("error: ") and words in failed.output
