"""The plugin on a rig of wires: the simulated Pico, which takes real time."""

import os
import subprocess
import sys

import pytest

from hil.locking import held
from hil.sim import SimulatedPico

SAYS = "spl: row 9 -> OFF - power-on"
BENCH = {
    "wires": [["LOOP_OUT", "LOOP_IN", 0, 0], ["PWR_SW1", "LED_STATE", 5000, 1]],
    "says": [["POWER", 1, SAYS]],
}
INVENTORY = """
rigs:
  bench1:
    backend: pico
    port: {port}
    capabilities: [{can}]
    calibration: {{uncertainty_us: 100000}} # the simulated one answers when the host has time for it
"""
CAN = "keys, capture, serial, power, loopback"
TESTS = """
    import os, signal
    import pytest

    @pytest.mark.needs("capture")
    def test_a_press(rig):
        with rig.capture("PWR_SW1", "LED_STATE") as seen:
            rig.press("PWR_SW1", 30)
            rig.wait(100)
        assert seen.delay("PWR_SW1", 0, "LED_STATE", 1).verdict(4900, 5100) == "PASS"

    @pytest.mark.needs("gauge_fault")
    def test_a_fault(rig):
        pass
"""


@pytest.fixture
def pico():
    with SimulatedPico(BENCH) as simulated:
        yield simulated


@pytest.fixture
def inventory(pytester, pico):
    return pytester.makefile(".yaml", rigs=INVENTORY.format(port=pico.port, can=CAN))


def test_a_session(on_rig, inventory, pytester):
    """It checks its loopback, stamps its time base, and skips what is not wired."""
    ended = on_rig(TESTS, "--rig", "bench1", "--rigs", inventory, "-rs", firmware=None)
    ended.assert_outcomes(passed=1, skipped=1)
    ended.stdout.fnmatch_lines(["*rig bench1 (pico) lacks gauge_fault: make the gauge fail*"])
    page = (pytester.path / "report.html").read_text()
    for fact in ("drift [ppm]", "round trips", "loopback", "of 10 ms", "LED_STATE"):
        assert fact in page


def test_two_runs_do_not_share_it(on_rig, inventory, pico):
    with held(pico.port):
        ended = on_rig(TESTS, "--rig", "bench1", "--rigs", inventory, firmware=None)
    ended.assert_outcomes(errors=2)
    ended.stdout.fnmatch_lines(
        [f"*{pico.port} is in use by process {os.getpid()} (*): wait for its end, or end it*"]
    )


def test_a_loopback_that_is_not_wired_stops_it(on_rig, pytester):
    with SimulatedPico({**BENCH, "wires": []}) as pico:
        inventory = pytester.makefile(".yaml", rigs=INVENTORY.format(port=pico.port, can=CAN))
        ended = on_rig(TESTS, "--rig", "bench1", "--rigs", inventory, firmware=None)
    ended.assert_outcomes(errors=2)
    ended.stdout.fnmatch_lines(["*RIG FAULT*", "*connect GP5 with GP6*"])


def test_a_capability_that_the_back_end_lacks_is_a_mistake_of_the_inventory(on_rig, pytester, pico):
    inventory = pytester.makefile(".yaml", rigs=INVENTORY.format(port=pico.port, can="virtual_time"))
    ended = on_rig(TESTS, "--rig", "bench1", "--rigs", inventory, firmware=None)
    ended.stdout.fnmatch_lines(["*rig bench1 is said to have virtual_time, which this pico rig lacks*"])


DIES = """
    import os, signal

    def test_while_it_dies(rig):
        with rig.capture("PWR_SW1"):
            os.kill({pid}, signal.SIGKILL)
            rig.wait(100)
"""


def test_a_rig_that_dies_is_no_fault_of_the_device(on_rig, pico, inventory):
    ended = on_rig(DIES.format(pid=pico._process.pid), "--rig", "bench1", "--rigs", inventory, firmware=None)
    ended.assert_outcomes(errors=1)
    ended.stdout.fnmatch_lines(["RIG FAULT test_it.py::test_while_it_dies*"])


HOLD = """
import sys, time
from hil.locking import held
with held(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_process_that_dies_leaves_no_lock(tmp_path):
    resource = str(tmp_path / "port")
    with subprocess.Popen([sys.executable, "-c", HOLD, resource], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(Exception, match=f"in use by process {other.pid}"), held(resource):
            pass
        other.kill()
        other.wait(timeout=10)
    with held(resource):
        pass
