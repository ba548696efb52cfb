"""The SPL on the virtual board: key presses, cell and temperature in, a state out."""

import pytest

from hil.virtual import VirtualRig
from tools.virtual.board import VirtualBoard


def spl(rig, within_ms=4000) -> str:
    """What the SPL decided, as its log line says it."""
    return rig.expect_line("spl: row", within_ms)


def decided(line: str) -> tuple[int, str]:
    words = line.split()
    return int(words[2]), words[4]


@pytest.mark.parametrize("bounce", [False, True])
@pytest.mark.parametrize(
    ("key", "ms", "expected"),
    [
        ("PWR_SW1", 100, (5, "OFF")),
        ("PWR_SW1", 1499, (5, "OFF")),
        ("PWR_SW1", 1500, (7, "IDLE")),
        ("PWR_SW1", 4000, (7, "IDLE")),
        ("PWR_SW2", 999, (6, "OFF")),
        ("PWR_SW2", 1000, (8, "RECORD")),
    ],
)
def test_a_hold_decides(rig, key, ms, expected, bounce):
    rig.press(key, ms, bounce)
    assert decided(spl(rig)) == expected
    rig.wait(3000)
    assert rig.board.power == ("off" if expected[1] == "OFF" else "on")


def test_the_checks_add_nothing_to_the_hold(rig):
    start_us = rig.board.now_us
    rig.press("PWR_SW1", 3000)
    spl(rig)
    assert 1_500_000 <= rig.board.now_us - start_us <= 1_505_000


@pytest.mark.parametrize(
    ("mv", "c", "expected"),
    [
        (3400, 25, (3, "OFF")),
        (3401, 25, (7, "IDLE")),
        (3410, 25, (7, "IDLE")),
        (3900, 54.9, (7, "IDLE")),
        (3900, -20, (7, "IDLE")),
    ],
)
def test_cell_and_temperature_decide(rig, mv, c, expected):
    rig.battery_mv(mv)
    rig.temp_c(c)
    rig.press("PWR_SW1", 1600)
    assert decided(spl(rig)) == expected


@pytest.mark.parametrize(("c", "expected"), [(54.9, (7, "IDLE")), (55.0, (3, "OFF"))])
def test_heat_keeps_a_pressed_key_from_starting_it(rig, c, expected):
    """The heat comes once a key has woken the board: alone it would wake it by the event line."""
    rig.press("PWR_SW1", 1600)
    rig.wait(100)
    rig.temp_c(c)
    assert decided(spl(rig)) == expected


@pytest.mark.parametrize("fault", ["nack", "zeros", "ones", "stuck_sda"])
def test_an_unreadable_gauge_ends_in_off(rig, fault):
    rig.gauge_fault(fault)
    rig.press("PWR_SW1", 2000)
    line = spl(rig)
    assert decided(line) == (1, "OFF") and "gauge" in line
    rig.wait(5000)
    assert rig.board.power == "off"


def test_heat_wakes_the_board_into_discharge(rig):
    rig.battery_mv(3900)
    rig.temp_c(56)
    assert decided(spl(rig)) == (2, "DISCHARGE")
    rig.expect("LOAD", 65535, 8000)


def test_heat_with_an_empty_cell_stays_off_and_does_not_wake_for_ever(rig):
    rig.battery_mv(3500)
    rig.temp_c(56)
    assert decided(spl(rig)) == (3, "OFF")
    boots = len(rig.board.boots)
    rig.wait(3_600_000)
    assert len(rig.board.boots) - boots == 5  # the timer looks 10 min after each look
    rig.temp_c(20)
    rig.wait(600_000)
    boots = len(rig.board.boots)
    rig.wait(3_600_000)
    assert len(rig.board.boots) == boots
    rig.temp_c(56)
    assert decided(spl(rig)) == (3, "OFF")  # the event line is armed again


def test_a_key_held_on_an_empty_cell_does_not_wake_for_ever(rig):
    rig.battery_mv(3300)
    rig.hold("PWR_SW1")
    assert decided(spl(rig)) == (3, "OFF")
    boots = len(rig.board.boots)
    rig.wait(60_000)
    assert len(rig.board.boots) == boots
    rig.release("PWR_SW1")
    rig.press("PWR_SW2", 1200)
    assert decided(spl(rig)) == (3, "OFF")  # the other key stayed armed


def test_the_key_that_woke_it_counts(rig):
    rig.press("PWR_SW2", 1200)
    rig.board.do("press", "PWR_SW1", 400, False, 300)
    assert decided(spl(rig)) == (8, "RECORD")


def test_a_key_that_comes_before_the_first_line_of_code_is_not_taken_for_the_one_that_woke_it(rig):
    rig.press("PWR_SW2", 900)
    rig.board.do("press", "PWR_SW1", 1400, False, 228)
    assert decided(spl(rig)) == (6, "OFF")


def test_where_the_hardware_does_not_say_which_key_it_was_no_hold_gets_credit(tmp_path, flash_files):
    """MicroPython 1.26: with both keys down the hold is counted from the first line of code."""
    old = b"import machine\ndel machine.wake_pins\n" + flash_files["boot.py"]
    with VirtualBoard.create(tmp_path / "board", flash_files | {"boot.py": old}) as board:
        rig = VirtualRig(board)
        rig.restore_power()
        rig.wait(1000)
        rig.press("PWR_SW2", 996)
        rig.board.do("press", "PWR_SW1", 1490, False, 228)
        assert decided(spl(rig)) == (5, "OFF")
        rig.wait(3000)
        rig.press("PWR_SW1", 1500)
        assert decided(spl(rig)) == (7, "IDLE")  # alone it is certain


def test_power_on_stays_off_without_a_host_and_starts_with_one(rig):
    rig.cut_power()
    rig.restore_power()
    assert decided(spl(rig)) == (9, "OFF")
    rig.wait(500)
    rig.cut_power()
    rig.host_present(True)
    rig.restore_power()
    assert decided(spl(rig)) == (9, "IDLE")


def test_the_same_presses_give_the_same_trace(tmp_path, flash_files):
    traces = []
    for name in ("first", "second"):
        rig = VirtualRig(VirtualBoard.create(tmp_path / name, flash_files, seed=7))
        rig.restore_power()
        rig.press("PWR_SW2", 1300, bounce=True)
        rig.wait(20_000)
        rig.press("PWR_SW2", 1200)
        rig.wait(60_000)
        traces.append((rig.board.edges, rig.board.lines))
        rig.close()
    assert traces[0] == traces[1]
