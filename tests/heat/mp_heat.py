from time import ticks_add

from app.heat import DWELLS, Dwell

LONG, SHORT = DWELLS
HOUR_S = 3600


def over_after(rule, temp_decic, vbat_mv, seconds, start_ms=0):
    """Whether the dwell is over within so many samples, one a second."""
    dwell = Dwell(rule)
    return any(dwell.sample(ticks_add(start_ms, s * 1000), temp_decic, vbat_mv) for s in range(seconds))


def test_the_bounds_of_both_rules():
    assert over_after(LONG, 550, 4100, 4 * HOUR_S + 1)
    assert not over_after(LONG, 549, 4100, 5 * HOUR_S)
    assert not over_after(LONG, 550, 4099, 5 * HOUR_S)
    assert over_after(SHORT, 690, 3900, 601)
    assert not over_after(SHORT, 689, 3900, 1200)
    assert not over_after(SHORT, 690, 3899, 1200)


def test_the_time_is_exact_to_a_sample():
    assert not over_after(LONG, 550, 4100, 4 * HOUR_S)
    assert not over_after(SHORT, 690, 3900, 600)


def test_noise_is_no_break_and_a_break_is():
    for decic, mv, breaks in ((541, 4100, False), (550, 4081, False), (540, 4100, True), (550, 4080, True)):
        dwell = Dwell(LONG)
        for s in range(4 * HOUR_S - 10):
            assert not dwell.sample(s * 1000, 550, 4100)
        dwell.sample((4 * HOUR_S - 10) * 1000, decic, mv)
        over = any(dwell.sample((4 * HOUR_S - 9 + s) * 1000, 550, 4100) for s in range(60))
        assert over != breaks, (decic, mv)


def test_ticks_may_wrap_in_a_dwell():
    start_ms = ticks_add(0, -300_000)  # type: ignore[type-var]  # 0 is as good a tick as any
    assert over_after(SHORT, 690, 3900, 601, start_ms=start_ms)
    assert not over_after(SHORT, 690, 3900, 600, start_ms=start_ms)


def test_a_dwell_goes_on_after_a_reset():
    dwell = Dwell(SHORT, elapsed_s=590)
    assert not any(dwell.sample(s * 1000, 690, 3900) for s in range(10))
    assert dwell.sample(10_000, 690, 3900)


def test_after_a_reset_a_break_is_a_break():
    dwell = Dwell(SHORT, elapsed_s=590)
    dwell.sample(0, 600, 3900)
    assert not any(dwell.sample(s * 1000, 690, 3900) for s in range(1, 500))
