"""The MAX17048's driver against its model: words, delays, alerts, reset."""

LOOP = "while True:\n    print(reading())\n    sleep_ms({ms})\n"


def part(board) -> dict:
    return board.world.bus_state["part"]


def test_it_is_identified_and_kept_out_of_hibernation(run):
    board = run("print(gauge.identify(), gauge.read())")
    assert board.lines == ["MAX17048 (3900, 75)"]
    assert part(board)["hibrt"] == 0


def test_hibernation_brings_values_every_45_s(run):
    board = run("while True:\n    print(raw.readfrom_mem(0x36, 2, 2).hex())\n    sleep(1)\n")
    board.run_for(400_000)
    board.do("battery_mv", 3800)
    board.run_for(47_000)
    hex_3800 = f"{3800 * 64 // 5:04x}"
    stale = board.lines[-47:].index(hex_3800)
    assert 2 < stale <= 46 and set(board.lines[-47:][stale:]) == {hex_3800}


def test_values_come_every_250_ms(run):
    board = run(LOOP.format(ms=50))
    board.run_for(2000)
    board.do("battery_mv", 3800)
    start = len(board.lines)
    board.run_for(400)
    assert 0 <= board.lines[start:].index("(3800, 66)") <= 5


def test_the_first_charge_is_unknown_not_empty(run):
    board = run(LOOP.format(ms=100), fresh=True)
    board.run_for(2000)
    first = board.lines.index("(3900, 75)")
    assert 9 <= first <= 13 and set(board.lines[:first]) == {"(3900, None)"}


def test_its_reset_is_answered_by_a_nack(run):
    board = run(
        "gauge.identify()\n"
        "print(tried(raw.writeto_mem, 0x36, 0xFE, b'\\x54\\x00'), raw.readfrom_mem(0x36, 0x0A, 2).hex(), gauge.read())"
    )
    assert board.lines == ["19 8030 (3900, None)"]


def test_a_low_cell_drives_the_event_line_until_it_is_cleared(run):
    board = run(
        "event = Pin(4, Pin.IN)\nprint(gauge.set_low_alert_mv(3600))\n"
        "while True:\n    sleep(3)\n    print(gauge.clear_alerts(), event.value())\n"
    )
    board.run_for(1000)
    assert board.world.levels["PWR_SW4"] == 0
    board.do("battery_mv", 3590)
    board.run_for(260)
    assert board.world.levels["PWR_SW4"] == 1
    board.do("battery_mv", 3700)
    board.run_for(1000)
    assert board.world.levels["PWR_SW4"] == 1  # it latches
    board.run_for(2000)
    assert board.world.levels["PWR_SW4"] == 0
    assert board.lines == ["True", "True 0"]
    board.do("battery_mv", 3590)
    board.run_for(260)
    assert board.world.levels["PWR_SW4"] == 1  # STATUS was cleared too, or it would never come again


def test_a_low_cell_wakes_the_board(run):
    board = run(
        "import esp32, machine\nprint('wake', machine.wake_reason())\n"
        "gauge.set_low_alert_mv(3600)\nesp32.wake_on_ext0(Pin(4), esp32.WAKEUP_ANY_HIGH)\nmachine.deepsleep()\n"
    )
    assert board.power == "off"
    board.do("battery_mv", 3590)
    board.run_for(1600)
    assert board.lines[:2] == ["wake 0", "wake 2"]
