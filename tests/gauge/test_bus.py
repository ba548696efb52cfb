"""Each fault of bus and gauge, with each gauge: a code, in bounded time; what can pass, passes."""

import pytest

GAUGES = ["max17048", "bq27427"]
RETRY = (
    "start = ticks_ms()\n"
    "try:\n    print(gauge.retry()[0])\n"
    "except SensorError as error:\n    print(error.code)\n"
    "print(ticks_diff(ticks_ms(), start))\n"
)

# fault, how often (None: as it is by default, for ever), what three tries end in
ENDS = [
    ("nack", None, "G01"),
    ("waking", 1, "3900"),
    ("waking", 2, "3900"),
    ("zeros", None, "G03"),
    ("ones", None, "G03"),
    ("wrong_part", None, "G02"),
    ("frozen", None, "3900"),
    ("bus_error", None, "B03"),
    ("bus_error", 1, "3900"),
    ("bus_error", 2, "3900"),
    ("stuck_sda", None, "B01"),
    ("stuck_sda", 1, "3900"),
    ("stuck_sda", 9, "3900"),
    ("stuck_sda", 10, "3900"),  # not by the first nine clocks, but by the next
    ("stuck_scl", None, "B02"),
]


@pytest.mark.parametrize("gauge", GAUGES)
@pytest.mark.parametrize(("fault", "times", "end"), ENDS)
def test_three_tries_end_in_a_reading_or_a_code_within_60_ms(run, gauge, fault, times, end):
    board = run(RETRY, ("set_gauge", gauge), ("set_gauge_fault", fault, times))
    assert board.lines[0] == end
    assert int(board.lines[1]) <= 60


@pytest.mark.parametrize("gauge", GAUGES)
@pytest.mark.parametrize("fault", ["nack", "zeros", "ones", "bus_error", "stuck_sda", "stuck_scl"])
def test_a_fault_that_goes_is_over_at_the_next_reading(run, gauge, fault):
    board = run("while True:\n    print(reading())\n    sleep(1)\n", ("set_gauge", gauge))
    board.run_for(3000)
    board.do("set_gauge_fault", fault)
    board.run_for(3000)
    broken = board.lines[-2:]
    board.do("set_gauge_fault", "")
    board.run_for(3000)
    assert all(line[0] in "GB" for line in broken)
    assert board.lines[-1] == "(3900, 75)"


def test_a_transfer_without_a_stop_leaves_the_part_deaf(run):
    """Clocks alone do not do: START and STOP are what it waits for."""
    board = run(
        "scl = Pin(9, Pin.OPEN_DRAIN, value=1)\nsda = Pin(8, Pin.OPEN_DRAIN, value=1)\n"
        "for _ in range(5):\n    scl.value(0)\n    scl.value(1)\n"
        "print(sda.value(), tried(raw.readfrom_mem, 0x36, 2, 2))\n"
        "sda.value(0)\nsda.value(1)\nprint(len(tried(raw.readfrom_mem, 0x36, 2, 2)))\n",
        ("set_gauge_fault", "stuck_sda", 5),
    )
    assert board.lines == ["1 19", "2"]


def test_what_was_good_is_kept_with_its_age(run):
    board = run(
        "while True:\n    print(reading(), gauge.last_good)\n"
        "    for _ in range(200):\n        sleep(3600)\n        reading()\n"
    )
    board.do("set_gauge_fault", "nack")
    board.run_for(721_000_000)  # longer than ticks can tell apart
    code, mv, soc, age_ms = board.lines[-1].replace("(", "").replace(")", "").replace(",", "").split()
    assert (code, mv, soc) == ("G01", "3900", "75")
    assert int(age_ms) == pytest.approx(720_000_000, abs=1000)


def test_a_dead_bus_shows_at_the_first_reading_only(run):
    board = run("print(gauge.last_good, reading())", ("set_gauge_fault", "stuck_scl"))
    assert board.lines == ["None B02"]
