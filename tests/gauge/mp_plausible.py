"""What a reading of the gauge is held against: bounds, jumps, and a value that stands still."""

from time import ticks_add

from board.errors import SensorError
from board.faults import TABLE, fault
from board.plausible import Plausible


def ticks(ms):
    """Shortly before they wrap."""
    return ticks_add(0, ms - 1500)  # type: ignore[type-var]  # 0 is as good a tick as any


def code(plausible, now_ms, mv, raw=None):
    """The fault of a reading, "" if it can be true."""
    try:
        plausible.check(now_ms, mv, raw or (mv, 50))
    except SensorError as error:
        return error.code
    return ""


def codes(*samples, clock=lambda ms: ms):
    """The faults of (ms, mV) one after the other."""
    plausible = Plausible()
    return [code(plausible, clock(ms), mv) for ms, mv in samples]


def test_a_fault_begins_with_its_code_and_says_the_value():
    error = fault("T01", "3200 mV at the ADC")
    assert error.code == "T01" and str(error) == "T01 thermistor: open: 3200 mV at the ADC"
    assert all(len(key) == 3 and words and remedy for key, (words, remedy) in TABLE.items())


def test_the_bounds_of_a_cell():
    assert codes((0, 2500)) == codes((0, 4500)) == [""]
    assert codes((0, 2499)) == codes((0, 4501)) == ["G04"]


def test_all_zeros_and_all_ones_are_no_voltage():
    assert code(Plausible(), 0, 0, (0x0000, 0)) == code(Plausible(), 0, 5120, (0xFFFF, 0)) == "G03"


def test_0_3_v_in_a_second_is_no_jump_and_1_mv_more_is():
    assert codes((0, 3900), (1000, 3600), (2000, 3900)) == ["", "", ""]
    assert codes((0, 3900), (1000, 3599)) == ["", "G05"]
    assert codes((0, 3900), (2000, 3300)) == ["", ""]
    assert codes((0, 3900), (10, 3700)) == ["", ""]  # noise: no rate is made of two samples at once


def test_a_jump_is_true_once_three_samples_say_so():
    assert codes((0, 3900), (1000, 3400), (2000, 3401), (3000, 3399), (4000, 3400)) == [
        "",
        "G05",
        "G05",
        "",
        "",
    ]
    assert codes((0, 3900), (1000, 3400), (2000, 3900), (3000, 3400), (4000, 3400)) == [
        "",
        "G05",
        "",
        "G05",
        "G05",
    ]
    assert codes((0, 3900), (1000, 2600), (2000, 4400), (3000, 2600)) == ["", "G05", "G05", "G05"]


def test_one_conversion_read_three_times_confirms_nothing():
    assert codes((0, 3900), (1000, 3400), (1015, 3400), (1030, 3400), (1249, 3400)) == [""] + ["G05"] * 4
    assert codes((0, 3900), (1000, 3400), (1250, 3400), (1500, 3400)) == ["", "G05", "G05", ""]


def test_ticks_may_wrap_between_samples():
    assert codes((0, 3900), (1000, 3800), (2000, 3400), (3000, 3400), (4000, 3400), clock=ticks) == [
        "",
        "",
        "G05",
        "G05",
        "",
    ]


def still(switched_s, until_s):
    """The seconds at which a value that never changes is a fault; the load is switched at some of them."""
    plausible = Plausible()
    found = []
    for s in range(until_s):
        if s in switched_s:
            plausible.switched(ticks(s * 1000))
        if code(plausible, ticks(s * 1000), 3900):
            found.append(s)
    return found


def test_a_cell_at_rest_may_stand_still_for_ever():
    assert still((), 4000) == []


def test_a_value_that_does_not_follow_the_load_is_a_fault_after_two_minutes():
    assert still((10, 70, 130), 133) == [131, 132]  # since the first of them
    assert still((10,), 131) == []


def test_a_bit_that_changes_clears_it():
    plausible = Plausible()
    assert code(plausible, 0, 3900) == ""
    plausible.switched(1000)
    assert code(plausible, 110_000, 3900, (3900, 51)) == ""
    assert code(plausible, 500_000, 3900, (3900, 51)) == ""
