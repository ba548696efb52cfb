"""The whole firmware on either gauge: what it does when the gauge or its bus fails."""

import pytest

from tools.virtual.wiring import WAKE_TO_CODE_US

GAUGES = ["max17048", "bq27427"]
HOUR_MS = 3_600_000

# fault, how often, its code ("" where the SPL gets over it)
AT_START = [
    ("nack", None, "G01"),
    ("waking", 2, ""),
    ("zeros", None, "G03"),
    ("ones", None, "G03"),
    ("wrong_part", None, "G02"),
    ("frozen", None, ""),
    ("bus_error", None, "B03"),
    ("bus_error", 1, ""),
    ("stuck_sda", None, "B01"),
    ("stuck_sda", 7, ""),
    ("stuck_scl", None, "B02"),
]


def fit(rig, gauge):
    rig.board.do("set_gauge", gauge)


def start(rig):
    rig.press("PWR_SW1", 1600)
    rig.expect("LED_STATE", 1, 4000)
    rig.wait(10_000)


def watchdog_resets(rig) -> int:
    return rig.board.world.bus_state["part"].get("status", 0) & 0x4000


@pytest.mark.parametrize("gauge", GAUGES)
@pytest.mark.parametrize(("fault", "times", "code"), AT_START)
def test_a_fault_at_the_start_is_a_decision(rig, gauge, fault, times, code):
    fit(rig, gauge)
    rig.board.do("set_gauge_fault", fault, times)
    pressed_us = rig.board.now_us
    rig.press("PWR_SW1", 1700)
    line = rig.expect_line("spl: row", 3000)
    if not code:
        assert "row 7 -> IDLE" in line
        rig.expect("LED_STATE", 1, 2000)
        return
    assert "row 1 -> OFF" in line and code in line
    assert rig.board.now_us - pressed_us - WAKE_TO_CODE_US < 65_000  # with the thermistor and the decision
    rig.wait(6000)
    assert rig.board.power == "off"


@pytest.mark.parametrize("gauge", GAUGES)
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("nack", "G01"),
        ("zeros", "G03"),
        ("ones", "G03"),
        ("bus_error", "B03"),
        ("stuck_sda", "B01"),
        ("stuck_scl", "B02"),
    ],
)
def test_a_fault_while_it_runs_is_told_and_passes(rig, gauge, fault, code):
    fit(rig, gauge)
    start(rig)
    rig.gauge_fault(fault)
    rig.expect_line(code, 3000)
    rig.wait(60_000)
    rig.gauge_fault("")
    rig.wait(10_000)
    start_line = len(rig.board.lines)
    rig.battery_mv(3350)
    rig.expect_line("state IDLE -> OFF (battery empty)", 10_000)  # it measures again
    assert not any(code in line for line in rig.board.lines[start_line:])
    assert not any("Traceback" in line for line in rig.board.lines)
    assert len(rig.board.boots) == 2 and not watchdog_resets(rig)


@pytest.mark.parametrize("gauge", GAUGES)
def test_an_hour_at_rest_is_no_fault(rig, gauge):
    fit(rig, gauge)
    start(rig)
    rig.wait(HOUR_MS)
    assert not any(" G0" in line or " B0" in line for line in rig.board.lines)
    assert rig.board.power == "on" and not watchdog_resets(rig)


@pytest.fixture
def discharging(rig, request):
    fit(rig, request.param)
    rig.battery_mv(3900)
    rig.temp_c(56)
    rig.expect("LOAD", 65535, 8000)
    return rig


@pytest.mark.parametrize("discharging", GAUGES, indirect=True)
def test_a_discharge_ends_at_its_target_on_either_gauge(discharging):
    discharging.expect_line("state DISCHARGE -> OFF", 24 * HOUR_MS)
    assert discharging.board.world.ocv_mv == pytest.approx(3600, abs=5)
    assert not any(" G0" in line for line in discharging.board.lines)


@pytest.mark.parametrize("discharging", GAUGES, indirect=True)
def test_a_frozen_gauge_ends_a_discharge(discharging):
    discharging.wait(100_000)
    discharging.gauge_fault("frozen")
    discharging.expect_line("G06", 190_000)
    discharging.expect("LOAD", 0, 1500)
    discharging.expect_line("state DISCHARGE -> OFF (sensor fault)", 35_000)
    discharging.wait(6000)
    assert discharging.board.power == "off"


def test_a_jump_is_waited_for(rig):
    start(rig)
    rig.battery_mv(3350)
    rig.expect_line("G05", 2000)
    rig.expect_line("state IDLE -> OFF (battery empty)", 10_000)
