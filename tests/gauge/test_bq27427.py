"""The BQ27427's driver against its model: words, pace, clock stretch, loss of power."""

BQ = ("set_gauge", "bq27427")
DRIVER = "gauge.identify()\nbq = gauge._part\n"
VOLTAGE = "raw.readfrom_mem, 0x55, 0x04, 2"


def part(board) -> dict:
    return board.world.bus_state["part"]


def test_it_is_found_and_read(run):
    board = run(
        "print(gauge.identify(), gauge.read(), gauge.set_low_alert_mv(3600), gauge.clear_alerts())", BQ
    )
    assert board.lines == ["BQ27427 (3900, 75) False False"]


def test_its_die_is_not_the_cell_and_its_current_has_the_right_sign(run):
    board = run(
        DRIVER + "print(bq.die_decic(), bq.current_ma(), bq.configuration_lost())\n"
        "from machine import PWM\nPWM(Pin(13, Pin.OUT), duty_u16=65535)\nsleep(3)\nprint(bq.current_ma())\n",
        BQ,
    )
    board.run_for(4000)
    decic, ma, lost = board.lines[0].split()
    assert int(decic) == 280 and ma == "0" and lost == "True"
    assert int(board.lines[1]) == -384  # 3.9 V over 10.15 ohm, discharging


def test_packets_without_66_us_between_them_are_not_acknowledged(run):
    board = run(
        f"print(len(raw.readfrom_mem(0x55, 0x04, 2)), tried({VOLTAGE}))\nsleep_us(66)\nprint(len(tried({VOLTAGE})))",
        BQ,
    )
    assert board.lines == ["2 19", "2"]


def test_a_controller_must_wait_for_a_clock_stretched_by_4_ms(run):
    board = run(
        "short = I2C(0, scl=Pin(9), sda=Pin(8), freq=100_000, timeout=3900)\n"
        "print(tried(short.readfrom_mem, 0x55, 0x04, 2))",
        BQ,
    )
    assert board.lines == ["116"]


def test_a_command_three_times_a_second_resets_it(run):
    board = run(f"for _ in range(4):\n    sleep_ms(100)\n    print(tried({VOLTAGE}))\n", BQ)
    board.run_for(1000)
    assert board.lines[3] == "19" and part(board)["status"] == 0x4000  # WDRESET


def test_the_driver_keeps_the_pace_however_often_it_is_asked(run):
    board = run("for _ in range(300):\n    gauge.read()\n    sleep_ms(10)\nprint('done')\n", BQ)
    board.run_for(5000)
    assert board.lines == ["done"] and part(board)["status"] == 0


def test_a_loss_of_power_is_told(run):
    board = run(
        DRIVER + "sleep_us(66)\nraw.writeto_mem(0x55, 0, b'\\x42\\x00')\n"
        "while True:\n    sleep(1)\n    print(reading() and bq.configuration_lost())\n",
        BQ,
    )
    board.run_for(2500)
    assert set(board.lines) == {"False"}
    board.do("power_gauge")
    board.run_for(1000)
    assert board.lines[-1] == "True"


def test_it_takes_a_quarter_of_a_second_to_answer_after_power_on(run):
    board = run(
        "start = ticks_ms()\nwhile reading() == 'G01':\n    sleep_ms(10)\nprint(ticks_diff(ticks_ms(), start))",
        BQ,
        fresh=True,
    )
    board.run_for(500)
    assert 240 <= int(board.lines[0]) <= 280
