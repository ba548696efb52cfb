"""Heat on the virtual board: hours of it, in virtual time."""

import pytest

from hil.virtual import VirtualRig
from tools.virtual.board import VirtualBoard

HOUR_MS = 3_600_000
LONG = (55.0, 4150, 4 * HOUR_MS, 4000)
SHORT = (69.0, 3950, 600_000, 3800)


@pytest.fixture
def idle(rig):
    return start(rig)


def start(rig):
    rig.press("PWR_SW1", 1600)
    rig.expect("LED_STATE", 1, 4000)
    rig.wait(10_000)
    return rig


def warm(rig, c):
    """As fast as a cell can: steps that are no fault of the thermistor."""
    for step in (34, 43, 50, 58, 66):
        if step < c - 1:
            rig.temp_c(step)
            rig.wait(5000)


def transitions(rig) -> list[str]:
    return [line.split(" state ")[1] for line in rig.board.lines if " state " in line and "->" in line]


@pytest.mark.parametrize(("c", "mv", "dwell_ms", "target_mv", "name"), [(*LONG, "long"), (*SHORT, "short")])
def test_a_dwell_just_over_its_time_discharges_to_its_target(idle, c, mv, dwell_ms, target_mv, name):
    idle.battery_mv(mv)
    warm(idle, c)
    idle.temp_c(c)
    idle.wait(dwell_ms + 1000)
    idle.temp_c(c - 2)
    idle.expect_line(f"state IDLE -> DISCHARGE (dwell {name})", 5000)
    idle.expect("LOAD", 65535, 5000)
    idle.expect_line("state DISCHARGE -> IDLE (target reached)", 24 * HOUR_MS)
    assert target_mv - 10 <= idle.board.world.ocv_mv <= target_mv + 1
    assert idle.board.pins["LOAD"] == 0


@pytest.mark.parametrize(("c", "mv", "dwell_ms"), [LONG[:3], SHORT[:3]])
def test_a_dwell_just_under_its_time_does_nothing(idle, c, mv, dwell_ms):
    idle.battery_mv(mv)
    warm(idle, c)
    idle.temp_c(c)
    idle.wait(dwell_ms - 1000)
    idle.temp_c(c - 2)
    idle.wait(dwell_ms)
    assert transitions(idle) == []


@pytest.mark.parametrize(("c", "mv"), [(54.9, 4200), (55.0, 4099), (68.9, 3899)])
def test_under_a_bound_there_is_no_dwell(idle, c, mv):
    idle.battery_mv(mv)
    warm(idle, c)
    idle.temp_c(c)
    idle.wait(5 * HOUR_MS)
    assert transitions(idle) == []


def test_noise_is_no_break(idle):
    idle.battery_mv(4150)
    warm(idle, 55)
    for _ in range(4 * 6):
        idle.temp_c(55.0)
        idle.wait(300_000)
        idle.temp_c(54.2)
        idle.wait(300_000)
    idle.temp_c(55.0)
    idle.wait(10_000)
    assert transitions(idle) == ["IDLE -> DISCHARGE (dwell long)"]


@pytest.mark.parametrize(("minutes", "over"), [(10, True), (4, False)])
def test_a_dwell_survives_a_reset(idle, minutes, over):
    """In the noise under its bound: at the bound itself the SPL does not start the board again."""
    idle.battery_mv(4150)
    warm(idle, 55)
    idle.temp_c(55)
    idle.wait(4 * HOUR_MS - 300_000)
    idle.temp_c(54.5)
    idle.press("PWR_SW1", 15_500)
    idle.expect_line("spl: row 9 -> IDLE - restarted", 20_000)
    idle.wait(minutes * 60_000)
    assert (transitions(idle)[1:] == ["IDLE -> DISCHARGE (dwell long)"]) == over


def test_ticks_may_wrap_in_a_dwell(tmp_path, flash_files):
    board = VirtualBoard.create(tmp_path / "board", flash_files)
    board.ticks_offset_us = ((1 << 30) - 300_000) * 1000
    rig = VirtualRig(board)
    rig.restore_power()
    rig.wait(1000)
    start(rig)
    rig.battery_mv(3950)
    warm(rig, 69)
    rig.temp_c(69)
    rig.wait(590_000)
    assert transitions(rig) == []
    rig.wait(20_000)
    assert transitions(rig) == ["IDLE -> DISCHARGE (dwell short)"]
    rig.close()


def test_maintenance_discharges_to_3600_mv_and_goes_off(rig):
    rig.battery_mv(3650)
    rig.temp_c(56)
    rig.expect_line("spl: row 2 -> DISCHARGE", 2000)
    rig.expect_line("state DISCHARGE -> OFF (target shutdown)", 24 * HOUR_MS)
    rig.wait(1000)
    assert rig.board.power == "off" and rig.board.pins["LOAD"] == 0
    assert 3590 <= rig.board.world.ocv_mv <= 3600


@pytest.fixture
def discharging(rig):
    rig.battery_mv(3900)
    rig.temp_c(56)
    rig.expect("LOAD", 65535, 8000)
    return rig


def test_an_unreadable_gauge_turns_the_load_off_at_once_and_the_board_in_30_s(discharging):
    discharging.gauge_fault("nack")
    discharging.expect("LOAD", 0, 1500)
    discharging.expect_line("state DISCHARGE -> OFF (sensor fault)", 35_000)
    discharging.wait(2000)
    assert discharging.board.power == "off"


def test_80_degrees_turn_load_and_board_off(discharging):
    discharging.temp_c(66)
    discharging.wait(10_000)
    discharging.temp_c(75)
    discharging.wait(10_000)
    discharging.temp_c(80)
    discharging.wait(1500)
    assert transitions(discharging) == ["DISCHARGE -> OFF (load too hot)"]
    assert discharging.board.pins["LOAD"] == 0


def test_the_load_is_off_after_a_pulled_battery(discharging):
    discharging.cut_power()
    assert discharging.board.pins["LOAD"] == 0 and discharging.board.world.duty == 0
    discharging.battery_mv(3500)
    discharging.restore_power()
    discharging.wait(60_000)
    assert discharging.board.pins["LOAD"] == 0


def test_a_jump_of_the_thermistor_is_a_fault_until_it_is_confirmed(idle):
    idle.temp_c(45)
    idle.expect_line("T03 thermistor: the temperature jumped: 45.0 C", 3000)
    idle.wait(10_000)
    assert transitions(idle) == []
