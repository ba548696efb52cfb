"""Every back-end is held to what it declares: resolution, uncertainty, capabilities."""

import time

import pytest

from hil.capture import FAIL, Capture
from hil.errors import DeviceFault, MisuseError, RigFault
from hil.rig import CAPABILITIES
from tests.rig.benches import BENCHES, SAID, Bench

_SLACK_S = 1.0  # of a busy host, over a wait's own length

# capability: a call that needs it
CALLS = {
    "event_line": lambda rig: rig.event_line(1),
    "battery": lambda rig: rig.battery_mv(3700),
    "temperature": lambda rig: rig.temp_c(30),
    "charger": lambda rig: rig.charger(True),
    "host_present": lambda rig: rig.host_present(True),
    "gauge": lambda rig: rig.gauge("max17048"),
    "gauge_fault": lambda rig: rig.gauge_fault("nack"),
    "reset": lambda rig: rig.reset(),
    "loopback": lambda rig: rig.self_test(),
    "power": lambda rig: rig.cut_power(),
}


@pytest.fixture(params=sorted(BENCHES), scope="module")
def bench(request, tmp_path_factory):
    with BENCHES[request.param](tmp_path_factory.mktemp("bench")) as made:
        yield made


def needs(bench: Bench, capability: str) -> None:
    if capability not in bench.rig.capabilities:
        pytest.skip(f"the {bench.rig.backend} rig can't {CAPABILITIES[capability]}")


def pressed(bench: Bench, ms: float, bounce: bool = False) -> Capture:
    with bench.rig.capture("PWR_SW1", "LED_STATE") as seen:
        bench.rig.press("PWR_SW1", ms, bounce)
        bench.rig.wait(ms + 60)
    return seen


def test_it_declares_what_there_is(bench):
    rig = bench.rig
    assert rig.capabilities <= set(CAPABILITIES)
    assert 0 < rig.resolution_us <= rig.uncertainty_us < 1000
    assert 0 <= rig.rate_ppm <= 100
    assert rig.stamp


@pytest.mark.parametrize("ms", [3, 20.5, 250])
def test_a_pulse_is_measured_within_its_uncertainty(bench, ms):
    measured = pressed(bench, ms).pulse("PWR_SW1", 0)
    assert abs(measured.value_us - bench.length_us(ms)) <= measured.uncertainty_us
    assert measured.uncertainty_us <= 2 * bench.rig.uncertainty_us + measured.value_us * 100 / 1e6


def test_a_reaction_is_measured_from_its_cause(bench):
    least_us, most_us = bench.delay_us
    assert pressed(bench, 30).delay("PWR_SW1", 0, "LED_STATE", 1).verdict(least_us, most_us) != FAIL


def test_edges_come_in_order_and_within_the_capture(bench):
    seen = pressed(bench, 20)
    times_us = [edge.t_us for edge in seen.edges]
    assert times_us == sorted(times_us) and seen.start_us <= times_us[0] and times_us[-1] <= seen.end_us
    assert seen.levels == {"PWR_SW1": 1, "LED_STATE": 0}
    assert [(e.signal, e.level) for e in seen.edges if e.signal == "PWR_SW1"] == [
        ("PWR_SW1", 0),
        ("PWR_SW1", 1),
    ]


def test_a_capture_has_only_what_happened_in_it(bench):
    pressed(bench, 5)
    with bench.rig.capture() as seen:
        bench.rig.wait(10)
    assert seen.complete and not seen.edges


def test_a_bouncing_contact_ends_on_its_level(bench):
    needs(bench, "bounce")
    levels = [edge.level for edge in pressed(bench, 40, bounce=True).of("PWR_SW1")]
    assert levels == [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]


def test_hold_and_release(bench):
    rig = bench.rig
    with rig.capture("PWR_SW1") as seen:
        rig.hold("PWR_SW1")
        rig.expect("LED_STATE", 1, within_ms=500)
        rig.release("PWR_SW1")
        rig.expect("LED_STATE", 0, within_ms=500)
    assert [edge.level for edge in seen.edges] == [0, 1]


def test_a_wait_for_what_does_not_come_is_bounded(bench):
    start_s = time.monotonic()
    with pytest.raises(DeviceFault, match=r"LED_STATE = 1(.|\n)*200"):
        bench.rig.expect("LED_STATE", 1, within_ms=200)
    assert time.monotonic() - start_s < 0.2 + _SLACK_S


def test_a_line_is_found_that_came_before_the_wait(bench):
    needs(bench, "serial")
    before_us = bench.rig.now_us()
    pressed(bench, 20)
    assert SAID in bench.rig.expect_line(SAID, within_ms=100, since_us=before_us)
    with pytest.raises(DeviceFault, match="never said"):
        bench.rig.expect_line("never said", within_ms=100)


def test_what_does_not_exist_is_the_tests_error(bench):
    for call in (lambda: bench.rig.press("PWR_SW9", 10), lambda: bench.rig.press("PWR_SW1", -1)):
        with pytest.raises(MisuseError):
            call()


@pytest.mark.parametrize("capability", sorted(CALLS))
def test_what_it_lacks_it_says(bench, capability):
    """And what it has, it does."""
    if capability in bench.rig.capabilities:
        if capability in ("reset", "power", "loopback"):
            pytest.skip("it has it, and a test of its own")
        CALLS[capability](bench.rig)
        undo(bench, capability)
        return
    with pytest.raises(MisuseError, match=capability) as failure:
        CALLS[capability](bench.rig)
    assert failure.value.capability == capability


def undo(bench: Bench, capability: str) -> None:
    back = {
        "event_line": lambda rig: rig.event_line(None),
        "charger": lambda rig: rig.charger(False),
        "host_present": lambda rig: rig.host_present(False),
        "gauge_fault": lambda rig: rig.gauge_fault(""),
    }
    if capability in back:
        back[capability](bench.rig)


def test_a_running_capture_is_not_judged(bench):
    with bench.rig.capture("PWR_SW1") as seen, pytest.raises(RigFault, match="still runs"):
        seen.pulse("PWR_SW1", 0)


def test_the_loopback_measures_a_pulse(bench):
    needs(bench, "loopback")
    found = bench.rig.self_test()
    assert abs(found["measured_us"] - found["nominal_us"]) <= found["uncertainty_us"]


def test_the_power_can_be_cut_and_restored(bench):
    needs(bench, "power")
    bench.rig.cut_power()
    bench.rig.wait(10)
    bench.rig.restore_power()
    bench.rig.wait(500)
    assert pressed(bench, 20).pulse("PWR_SW1", 0)


def test_lost_edges_mark_the_capture(bench):
    if bench.lose is None:
        pytest.skip("a simulation that runs in step with its world loses none")
    with bench.rig.capture() as seen:
        bench.lose()
    assert not seen.complete and "lost" in " ".join(seen.reasons)
    with pytest.raises(RigFault, match="not complete"):
        seen.pulse("PWR_SW1", 0)
    assert pressed(bench, 20).complete  # what comes after it, can be trusted again
