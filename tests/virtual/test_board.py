"""The virtual board itself: clock, watchdog, flash, sleep."""

import pytest

from tools.virtual.board import BoardError, VirtualBoard

HOUR_MS = 3_600_000


@pytest.fixture
def make(tmp_path):
    boards: list[VirtualBoard] = []

    def made(main: str, **options) -> VirtualBoard:
        board = VirtualBoard.create(tmp_path / str(len(boards)), {"main.py": main.encode()}, **options)
        boards.append(board)
        board.power_on()
        return board

    yield made
    for board in boards:
        board.close()


def test_hours_pass_at_once_and_exactly(make):
    board = make(
        "import time\nt = time.ticks_ms()\ntime.sleep(7200)\nprint(time.ticks_diff(time.ticks_ms(), t))"
    )
    assert board.expect_line("7200000", 3 * HOUR_MS)
    assert 7_200_000_000 <= board.now_us < 7_200_001_000


def test_asyncio_runs_on_the_boards_clock(make):
    board = make(
        "import asyncio, time\n"
        "async def tick(ms, n):\n"
        "    for _ in range(n):\n"
        "        await asyncio.sleep_ms(ms)\n"
        "    return time.ticks_ms()\n"
        "async def main():\n"
        "    try:\n"
        "        await asyncio.wait_for_ms(tick(1000, 100), 2500)\n"
        "    except asyncio.TimeoutError:\n"
        "        print('timeout', time.ticks_ms() // 100)\n"
        "    print('ends', await asyncio.gather(tick(100, 36000), tick(1000, 10)))\n"
        "asyncio.run(main())\n"
    )
    board.expect_line("timeout 25", 10_000)
    first, second = board.expect_line("ends", 2 * HOUR_MS).strip("ends []").split(", ")
    assert 3_602_500 <= int(first) < 3_603_500 and 12_500 <= int(second) < 12_600


def test_ticks_wrap_as_on_a_board(make, tmp_path):
    board = VirtualBoard.create(
        tmp_path / "wrap",
        {
            "main.py": b"import time\nt = time.ticks_ms()\ntime.sleep(10)\n"
            b"print(t > time.ticks_ms(), time.ticks_diff(time.ticks_ms(), t))"
        },
    )
    board.ticks_offset_us = ((1 << 30) - 5000) * 1000
    with board:
        board.power_on()
        board.expect_line("True 10000", 20_000)


def test_the_watchdog_ends_what_does_not_feed_it(make):
    board = make(
        "import machine, time\nprint(machine.reset_cause())\nmachine.WDT(timeout=2000)\ntime.sleep(60)"
    )
    board.run_for(7000)
    assert board.ends[:3] == ["wdt"] * 3
    assert board.lines[:2] == ["1", "3"]  # PWRON_RESET, WDT_RESET


def test_memory_of_the_rtc_is_kept_over_sleep_and_lost_without_power(make):
    board = make(
        "import machine\nr = machine.RTC()\nprint('kept', r.memory())\n"
        "r.memory(r.memory() + b'x')\nmachine.deepsleep(1000)\n"
    )
    board.run_for(2500)
    assert board.lines == ["kept b''", "kept b'x'", "kept b'xx'"]
    board.cut_power()
    board.power_on()
    board.expect_line("kept b''", 100)


def test_power_can_be_cut_at_any_flash_operation(make):
    """Whatever was torn, the file system holds the old content or the new."""
    board = make("with open('/f', 'w') as f:\n    f.write('old' * 100)\n")
    board.run_for(1000)
    board.cut_power()
    operations, found = board.flash_ops, set()
    for number in range(operations):
        board.cut = [number, 0.5]
        board.power_on()
        board.run_for(1000)
        assert board.ends[-1] == "cut"
        found.add(board.read_flash()["f"])
    assert operations > 3 and found <= {b"", b"old" * 100}


def test_a_press_during_power_off_is_not_lost_on_the_world(make):
    board = make("import machine\nmachine.deepsleep()\n")
    board.do("press", "PWR_SW1", 500)
    board.run_for(100)
    assert board.power == "off" and board.world.levels["PWR_SW1"] == 0
    board.run_for(1000)
    assert board.world.levels["PWR_SW1"] == 1


def test_the_gauge_answers_by_its_datasheet(make):
    board = make(
        "from machine import I2C, Pin\n"
        "i2c = I2C(0, scl=Pin(9), sda=Pin(8), freq=100000)\n"
        "for register in (0x02, 0x08, 0x0C):\n"
        "    print(register, i2c.readfrom_mem(0x36, register, 2).hex())\n"
    )
    board.run_for(100)
    assert board.lines == ["2 c300", "8 0012", "12 971c"]  # 3.9 V / 78.125 uV, VERSION, CONFIG after power-on


def test_what_the_world_has_not_is_refused(make):
    board = make("pass")
    with pytest.raises(BoardError, match="fly"):
        board.do("fly")
    with pytest.raises(BoardError, match="within 50 ms"):
        board.expect_line("never", 50)


def test_what_was_done_to_the_world_right_before_the_power_went_is_not_lost(rig):
    rig.press("PWR_SW1", 1700)
    rig.wait(4000)
    rig.temp_c(33)
    rig.cut_power()
    assert rig.board.world.temp_c == 33
