"""Random lives: what people, cells, weather and faults do to a board, mostly around the bounds of the specification."""

from hypothesis import strategies as st

from tests.properties.life import HOUR_MS, Life, Order

_FAULTS = ("nack", "waking", "zeros", "ones", "frozen", "wrong_part", "bus_error", "stuck_sda", "stuck_scl")
_KEYS = st.sampled_from(["PWR_SW1", "PWR_SW2"])
_SECOND_MS, _MINUTE_MS = 1000, 60_000
_HOLDS_MS = (1000, 1500, 3000, 5000, 15_000)
_BOUNDS_MV = (3400, 3600, 3800, 3900, 4000, 4100)
_BOUNDS_DECIC = (540, 550, 590, 600, 680, 690, 780, 800)
_WARM_STEP_DECIC = 80  # in 2 s: steeper is a fault of the thermistor, which is a step of its own

# an action is a list of (ms after the one before, order or None)
_gap_ms = st.one_of(
    st.integers(0, 20 * _SECOND_MS),
    st.integers(0, 20 * _SECOND_MS),
    st.integers(1, 30).map(lambda minutes: minutes * _MINUTE_MS),
    st.integers(1, 4).map(lambda quarters: quarters * 15 * _MINUTE_MS),
)


def _around(bounds: tuple, width: int):
    return st.builds(lambda bound, by: bound + by, st.sampled_from(bounds), st.integers(-width, width))


_hold_ms = st.one_of(
    _around(_HOLDS_MS, 20), _around((1600, 1200, 2000, 5500, 3500), 0), st.integers(30, 16_000)
)
_cell_mv = st.one_of(
    _around(_BOUNDS_MV, 2), st.sampled_from([3700, 3950, 4150, 4180]), st.integers(3300, 4200)
)
_decic = st.one_of(_around(_BOUNDS_DECIC, 2), st.sampled_from([250, 300, 450, 560]), st.integers(-200, 850))


def _press(key, ms, bounce):
    return [(0, ("press", key, ms, bounce)), (ms + 100, None)]


def _both(first, ms, other_ms, after_ms):
    other = "PWR_SW2" if first == "PWR_SW1" else "PWR_SW1"
    presses = [(0, ("press", first, ms, True)), (0, ("press", other, other_ms, True, after_ms))]
    return [*presses, (max(ms, after_ms + other_ms) + 100, None)]


def _cell(mv):
    return [(0, ("battery_mv", mv))]


def _cell_walk(mv, steps):
    orders = [(0, ("battery_mv", mv))]
    for step in steps:
        mv = min(4200, max(3200, mv + step))
        orders.append((5 * _SECOND_MS, ("battery_mv", mv)))
    return orders


def _temperature(decic):
    return [(0, ("temperature_c", decic / 10))]


def _warm(decic):
    """As fast as a thermistor may believe, from 25 C."""
    steps = range(250, decic, _WARM_STEP_DECIC) if decic > 250 else ()
    return [(2 * _SECOND_MS, ("temperature_c", c / 10)) for c in (*steps, decic)]


def _weather_walk(decic, steps):
    orders = _warm(decic)
    for step in steps:
        decic = min(900, max(-250, decic + step))
        orders.append((20 * _SECOND_MS, ("temperature_c", decic / 10)))
    return orders


def _stay_warm(start, decic, mv, minutes, after_decic):
    """Start the board in the cool, heat it, and leave it there for about as long as a dwell takes."""
    orders = [*_warm(250), *_cell(mv)]
    if start:
        orders += [(2 * _SECOND_MS, ("press", "PWR_SW1", 1600)), (8 * _SECOND_MS, None)]
    return [*orders, *_warm(decic), (int(minutes * _MINUTE_MS), ("temperature_c", after_decic / 10))]


def _fault(kind, for_ms):
    return [(0, ("set_gauge_fault", kind)), (for_ms, ("set_gauge_fault", ""))]


def _pull(for_ms):
    return [(0, ("cut_power",)), (for_ms, ("power_on",))]


def _ordinary_start(key, mv):
    """In the cool, with a good cell."""
    return [*_warm(250), *_cell(mv), *_press(key, 1600, True)]


def _run_down(hours, mv):
    """It lies there with an empty cell, in the cool, until somebody charges it."""
    away = [*_warm(250), (0, ("force_event_line", -1)), *_cell(3390)]
    return [*away, (hours * HOUR_MS, ("battery_mv", mv))]


def _switch_off(hours):
    return [*_press("PWR_SW1", 6000, True), (hours * HOUR_MS, None)]


def _stuck(key, minutes):
    return _press(key, minutes * _MINUTE_MS, False)


_short_ms = st.one_of(st.integers(0, 40 * _SECOND_MS), st.integers(1, 60).map(lambda m: m * _MINUTE_MS))
_person = st.one_of(
    st.builds(_press, _KEYS, _hold_ms, st.booleans()),
    st.builds(_press, _KEYS, st.sampled_from([1200, 1600, 3100]), st.booleans()),
    st.builds(_both, _KEYS, _hold_ms, _hold_ms, st.integers(0, 3000)),
    st.builds(_ordinary_start, _KEYS, st.sampled_from([3700, 3950, 4150])),
    st.builds(_switch_off, st.integers(1, 12)),
)
_world = st.one_of(
    _cell_mv.map(_cell),
    st.builds(_cell_walk, _cell_mv, st.lists(st.integers(-60, 60), max_size=12)),
    _decic.map(_temperature),
    _decic.map(_warm),
    st.builds(_weather_walk, _decic, st.lists(st.integers(-15, 15), max_size=12)),
    st.builds(
        _stay_warm,
        st.booleans(),
        st.sampled_from([546, 550, 551, 560, 690, 691]),
        st.sampled_from([3899, 3900, 3902, 4100, 4102, 4150]),
        st.sampled_from([9.9, 10.1, 12, 239, 241, 250]),
        st.sampled_from([535, 250, 560]),
    ),
    st.builds(_run_down, st.integers(4, 24), st.sampled_from([3600, 3900, 4150])),
)
_trouble = st.one_of(
    st.builds(_fault, st.sampled_from(_FAULTS), _short_ms),
    st.builds(_pull, st.integers(0, 5000)),
    st.booleans().map(lambda there: [(0, ("hold" if there else "release", "USB"))]),
    st.builds(_stuck, _KEYS, st.integers(1, 600)),
    st.sampled_from([-1, 0, 1]).map(lambda level: [(0, ("force_event_line", level))]),
)
_step = st.tuples(_gap_ms, st.one_of(_person, _person, _world, _trouble))


def _life(seed: int, gauge: str, chapters: list) -> Life:
    """The battery is put in, and then it goes on."""
    orders, now_ms = [Order(0, ("set_gauge", gauge)), Order(0, ("power_on",))], 1000
    for gap_ms, action in (step for chapter in chapters for step in chapter):
        now_ms += gap_ms
        for after_ms, do in action:
            now_ms += after_ms
            if do:
                orders.append(Order(now_ms * 1000, do))
    return Life(seed, (now_ms + HOUR_MS // 4) * 1000, tuple(orders))


# hypothesis makes short lists: a list of lists has some thirty steps, and still shrinks well
_chapters = st.lists(st.lists(_step, min_size=1, max_size=20), min_size=1, max_size=20)
lives = st.builds(_life, st.integers(1, 1000), st.sampled_from(["max17048", "bq27427"]), _chapters)
