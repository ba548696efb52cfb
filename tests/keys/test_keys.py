"""Gestures of the running app."""

import pytest

from tools import firmware
from tools.virtual.board import VirtualBoard


@pytest.fixture
def idle(rig):
    rig.press("PWR_SW1", 1600)
    rig.expect("LED_STATE", 1, 4000)
    rig.wait(2000)
    return rig


@pytest.fixture
def recording(rig):
    rig.press("PWR_SW2", 1200)
    rig.expect("LED_REC", 1, 4000)
    rig.wait(2000)
    return rig


def transitions(rig) -> list[str]:
    return [line.split(" state ")[1] for line in rig.board.lines if " state " in line and "->" in line]


@pytest.mark.parametrize(
    ("key", "ms", "expected"),
    [
        ("PWR_SW1", 990, []),
        ("PWR_SW1", 1010, ["IDLE -> IDLE (PWR_SW1 1000)"]),
        ("PWR_SW1", 2990, ["IDLE -> IDLE (PWR_SW1 1000)"]),
        ("PWR_SW1", 3010, ["IDLE -> IDLE (PWR_SW1 3000)"]),
        ("PWR_SW1", 4990, ["IDLE -> IDLE (PWR_SW1 3000)"]),
        ("PWR_SW1", 5010, ["IDLE -> OFF (PWR_SW1 5000)"]),
        ("PWR_SW1", 14900, ["IDLE -> OFF (PWR_SW1 5000)"]),
        ("PWR_SW1", 15100, ["IDLE -> RESET (PWR_SW1 15000)"]),
        ("PWR_SW2", 990, []),
        ("PWR_SW2", 1010, ["IDLE -> RECORD (PWR_SW2 1000)"]),
        ("PWR_SW2", 3010, ["IDLE -> RECORD (PWR_SW2 3000)"]),
    ],
)
def test_a_hold_in_idle(idle, key, ms, expected):
    idle.press(key, ms, bounce=True)
    idle.wait(ms + 1000)
    assert transitions(idle) == expected


@pytest.mark.parametrize(
    ("key", "ms", "expected"),
    [
        ("PWR_SW1", 2990, []),
        ("PWR_SW1", 3010, ["RECORD -> RECORD (PWR_SW1 3000)"]),
        ("PWR_SW1", 8000, ["RECORD -> RECORD (PWR_SW1 3000)"]),
        ("PWR_SW2", 1010, ["RECORD -> RECORD (PWR_SW2 1000)"]),
        ("PWR_SW2", 2990, ["RECORD -> RECORD (PWR_SW2 1000)"]),
        ("PWR_SW2", 3010, ["RECORD -> IDLE (PWR_SW2 3000)"]),
    ],
)
def test_a_hold_in_record(recording, key, ms, expected):
    recording.press(key, ms)
    recording.wait(ms + 1000)
    assert transitions(recording) == expected


def test_the_hold_that_powered_it_on_is_no_gesture(rig):
    rig.press("PWR_SW1", 7000)
    rig.wait(9000)
    assert transitions(rig) == []
    assert rig.board.power == "on"


def test_a_key_that_stays_down_resets_once(idle):
    idle.hold("PWR_SW1")
    idle.wait(3_600_000)
    assert transitions(idle) == ["IDLE -> RESET (PWR_SW1 15000)"]
    idle.release("PWR_SW1")
    idle.wait(1000)
    idle.press("PWR_SW1", 15_100)
    idle.wait(20_000)
    assert len(transitions(idle)) == 2


def test_the_hold_that_powered_it_on_may_force_a_reset(rig):
    pressed_us = rig.board.now_us
    rig.press("PWR_SW1", 20_000)
    rig.expect_line("state IDLE -> RESET (PWR_SW1 15000)", 16_000)
    assert 15_000_000 <= rig.board.now_us - pressed_us < 15_050_000


@pytest.mark.parametrize("ms", [14_985, 14_992, 14_999])
def test_a_hold_just_under_15_s_is_no_reset(idle, ms):
    idle.press("PWR_SW1", ms, bounce=True)
    idle.wait(17_000)
    assert transitions(idle) == ["IDLE -> OFF (PWR_SW1 5000)"]


@pytest.mark.parametrize("ms", [15_001, 15_005, 15_015])
def test_a_hold_of_15_s_is_a_reset_however_soon_it_ends(idle, ms):
    idle.press("PWR_SW1", ms, bounce=True)
    idle.wait(17_000)
    assert transitions(idle) == ["IDLE -> RESET (PWR_SW1 15000)"]


def test_the_processor_sleeps_with_a_key_that_is_stuck(idle):
    idle.hold("PWR_SW2")
    idle.wait(25_000)
    slept_us = idle.board.slept_us
    idle.wait(60_000)
    assert idle.board.slept_us - slept_us > 0.95 * 60_000_000
    idle.release("PWR_SW2")
    idle.wait(3000)
    assert transitions(idle) == ["IDLE -> RECORD (PWR_SW2 3000)"]


def test_each_threshold_gives_a_cue(idle):
    idle.board.edges.clear()
    idle.press("PWR_SW1", 4000)
    idle.wait(5000)
    assert [value for _, signal, value in idle.board.edges if signal == "HAPTIC"] == [1, 0, 1, 0]


def test_private_mode_is_dark_and_survives_a_pulled_battery(idle):
    idle.press("PWR_SW1", 1200)
    idle.expect("LED_STATE", 0, 2000)
    idle.cut_power()
    idle.restore_power()
    idle.wait(1000)
    idle.press("PWR_SW1", 1600)
    idle.expect_line("state IDLE", 4000)
    idle.wait(1000)
    assert idle.board.pins.get("LED_STATE", 0) == 0


@pytest.mark.parametrize(("ms", "expected"), [(995, []), (1005, ["IDLE -> RECORD (PWR_SW2 1000)"])])
def test_a_press_that_ends_light_sleep_is_measured_to_5_ms(idle, ms, expected):
    idle.press("PWR_SW2", ms)
    idle.wait(2000)
    assert transitions(idle) == expected


def test_a_press_counts_whenever_it_begins(idle):
    """The loop has a turn each second: presses before, at and after it, and in its middle."""
    for offset_us in (0, 1, 500, 1000, 2000, 20_000, 500_000, 998_000, 999_000, 999_500, 999_999):
        before = len(transitions(idle))
        turn_us = (idle.board.now_us // 1_000_000 + 2) * 1_000_000 + 501_000  # the app started at such a time
        idle.board.run_for((turn_us + offset_us - idle.board.now_us) / 1000)
        idle.press("PWR_SW1", 1200, bounce=True)
        idle.wait(3000)
        assert len(transitions(idle)) == before + 1, offset_us


BUSY = """
import time
from board.virtual import pins
from board.key import Key
key = Key(pins.PWR_SW1)
print('ready')
while True:
    time.sleep_ms(200)  # a program that looks after the key five times a second
    change = key.poll()
    if change:
        print(*change)
"""


@pytest.mark.parametrize("ms", [37, 120, 999, 1500, 2999])
@pytest.mark.parametrize("ticks_ms", [0, (1 << 30) - 1200])
def test_a_hold_is_measured_while_the_program_is_busy(tmp_path, ms, ticks_ms):
    """The interrupt stamps the edges, so a blocked loop delays no measurement; ticks may wrap in the hold."""
    board = VirtualBoard.create(
        tmp_path, firmware.spl_files("virtual") | {"boot.py": b"", "main.py": BUSY.encode()}
    )
    board.ticks_offset_us = ticks_ms * 1000
    with board:
        board.power_on()
        board.expect_line("ready", 1000)
        board.do("press", "PWR_SW1", ms, True, 333)
        line = board.expect_line("up", 10_000)
    assert int(line.split()[2]) == pytest.approx(ms, abs=1)


@pytest.mark.parametrize(("start", "state"), [("PWR_SW1", "IDLE"), ("PWR_SW2", "RECORD")])
def test_an_empty_battery_ends_in_off(rig, start, state):
    rig.press(start, 1600)
    rig.wait(8000)
    rig.battery_mv(3400)
    rig.expect_line(f"state {state} -> OFF (battery empty)", 10_000)
    rig.wait(1000)
    assert rig.board.power == "off"


def test_heat_ends_a_recording(recording):
    recording.wait(5000)
    recording.temp_c(60)
    recording.expect_line("state RECORD -> OFF (too hot)", 10_000)
    recording.wait(1000)
    assert recording.board.pins["LED_REC"] == 0
