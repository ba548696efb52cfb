"""What an empty cell and heat make of a device that runs: sections 3 and 5 of the specification."""

import pytest

from hil.bench import settle
from hil.judging import Found
from tests.hil import search
from tests.hil.device import bring, changes, load_edges, load_is_on, state, warm

_MEDIAN_MS = 8000  # five samples at 1 Hz, their median, and three more where a jump must be confirmed
HOUR_MS = 3_600_000
LONG = (55.0, 4150, 4 * HOUR_MS, "long")
SHORT = (69.0, 3950, 600_000, "short")

pytestmark = pytest.mark.needs("keys", "serial", "battery")


@pytest.mark.parametrize("running", ["IDLE", "RECORD"])
def test_an_empty_cell_ends_it(rig, judge, running):
    """Off at 3.400 V; it goes on above."""

    def goes_on(mv: float) -> bool:
        settle(rig)
        bring(rig, running)
        since_us = rig.now_us()
        rig.battery_mv(mv)
        rig.wait(_MEDIAN_MS)
        return f"{running} -> OFF (battery empty)" not in changes(rig, since_us)

    found = [search.of_cell(rig, 3400, goes_on)]
    judge(f"{running} goes on over", found, nominal=3400, low=3397, high=3404, unit="mV", spec="section 3")


@pytest.mark.needs("temperature", "event_line")
def test_heat_ends_a_recording(rig, judge):
    """Off at 60.0 C, the recording closed first."""

    def ends(c: float) -> bool:
        settle(rig)
        rig.event_line(0)
        bring(rig, "RECORD")
        since_us = rig.now_us()
        warm(rig, c)
        rig.wait(_MEDIAN_MS)
        return "RECORD -> OFF (too hot)" in changes(rig, since_us)

    judge(
        "RECORD ends from",
        [search.of_heat(rig, 60.0, ends)],
        nominal=60,
        low=59.7,
        high=60.3,
        unit="°C",
        spec="section 3",
    )


@pytest.mark.needs("temperature", "event_line")
@pytest.mark.parametrize(
    ("c", "mv", "dwell_ms", "name"), [pytest.param(*LONG, marks=pytest.mark.needs("virtual_time")), SHORT]
)
def test_a_dwell_discharges_when_its_time_is_over(rig, judge, c, mv, dwell_ms, name):
    """How long heat and charge last until it acts."""
    rig.event_line(0)
    bring(rig, "IDLE")
    rig.battery_mv(mv)
    warm(rig, c - 2)  # noise under the bound counts for nothing
    rig.wait(10_000)
    since_us = rig.now_us()
    rig.temp_c(c)
    line = f"state IDLE -> DISCHARGE (dwell {name})"
    rig.expect_line(line, dwell_ms + 60_000)
    told = next(each for each in rig.lines if each.t_us >= since_us and line in each.text)
    took_s, sample_s = (told.t_us - since_us) / 1e6, 1.0
    judge(
        f"dwell {name}", [Found(took_s, sample_s if told.exact else 2 * sample_s)], nominal=dwell_ms / 1000,
        low=dwell_ms / 1000 - 3, high=dwell_ms / 1000 + 8, unit="s", spec="section 5",
    )  # fmt: skip


@pytest.mark.needs("temperature", "event_line", "virtual_time")
@pytest.mark.parametrize(("c", "mv", "dwell_ms", "name"), [LONG, SHORT])
def test_a_dwell_has_a_bound_of_temperature(rig, judge, c, mv, dwell_ms, name):
    """From which temperature on it counts: each try takes the whole dwell."""

    def counts(heat_c: float) -> bool:
        return _dwells(rig, heat_c, mv, dwell_ms)

    found = [search.of_heat(rig, c, counts, step_c=0.25)]
    judge(f"dwell {name} from", found, nominal=c, low=c - 0.5, high=c + 0.5, unit="°C", spec="section 5")


@pytest.mark.needs("temperature", "event_line", "virtual_time")
@pytest.mark.parametrize(("c", "mv", "dwell_ms", "name"), [LONG, SHORT])
def test_a_dwell_has_a_bound_of_voltage(rig, judge, c, mv, dwell_ms, name):
    """From which voltage on it counts."""
    nominal = mv - 50
    found = [search.of_cell(rig, nominal, lambda cell_mv: _dwells(rig, c, cell_mv, dwell_ms), step_mv=2.5)]
    judge(
        f"dwell {name} with",
        found,
        nominal=nominal,
        low=nominal - 4,
        high=nominal + 3,
        unit="mV",
        spec="section 5",
    )


def _dwells(rig, c: float, mv: float, dwell_ms: float) -> bool:
    settle(rig)
    rig.event_line(0)
    bring(rig, "IDLE")
    since_us = rig.now_us()
    rig.battery_mv(mv)
    warm(rig, c)
    rig.wait(dwell_ms + 20_000)
    return any("DISCHARGE" in change for change in changes(rig, since_us))


def alert(rig, mv: float) -> None:
    """Heat and the event line: it wakes and discharges."""
    rig.event_line(0)
    rig.battery_mv(mv)
    rig.temp_c(56)
    rig.wait(1500)
    rig.event_line(1)
    load_is_on(rig, 12_000)


@pytest.fixture
def discharging(rig):
    alert(rig, 3900)
    return rig


needs_discharge = pytest.mark.needs("temperature", "event_line", "capture")


@needs_discharge
def test_the_load_is_switched_in_periods_of_a_minute(discharging, judge):
    with discharging.capture("LOAD") as seen:
        for turn in range(25):  # a gauge that stands still while the load is switched would be a fault
            discharging.battery_mv(3900 - 5 * (turn % 2))
            discharging.wait(10_000)
    off, on, off_again, *_ = load_edges(seen)
    for name, first, second in (("load rests", off, on), ("load is on", on, off_again)):
        length = seen.interval(first, second)
        found = [Found(length.value_us / 1e6, length.uncertainty_us / 1e6)]
        judge(name, found, nominal=60, low=58.5, high=61.5, unit="s", spec="section 5")


@needs_discharge
def test_a_discharge_ends_at_its_target(rig, judge):
    """Woken for maintenance it goes off at 3.600 V, looked at after a rest."""

    def goes_on(mv: float) -> bool:
        settle(rig)
        alert(rig, 3700)
        rig.expect("LOAD", 0, 70_000)
        rig.battery_mv(mv)
        since_us = rig.now_us()
        rig.expect_line("discharge: ", 70_000)
        rig.wait(500)
        return "DISCHARGE -> OFF (target shutdown)" not in changes(rig, since_us)

    found = [search.of_cell(rig, 3600, goes_on)]
    judge("maintenance ends at", found, nominal=3600, low=3597, high=3604, unit="mV", spec="section 5")


@needs_discharge
@pytest.mark.needs("gauge_fault")
def test_an_unreadable_gauge_takes_the_load_off_at_once_and_the_device_in_30_s(discharging, judge):
    with discharging.capture("LOAD") as seen:
        since_us = discharging.now_us()
        discharging.gauge_fault("nack")
        discharging.expect_line("DISCHARGE -> OFF (sensor fault)", 40_000)
    told = next(line for line in discharging.lines if line.t_us >= since_us and "sensor fault" in line.text)
    off = load_edges(seen)[0]
    spec = "sections 3 and 5"
    judge(
        "load off by a fault",
        [Found((off.t_us - since_us) / 1e6, 0.1)],
        nominal=1,
        high=2.5,
        unit="s",
        spec=spec,
    )
    judge(
        "off by a fault",
        [Found((told.t_us - since_us) / 1e6, 1.0)],
        nominal=30,
        low=27,
        high=34,
        unit="s",
        spec=spec,
    )


@needs_discharge
def test_80_degrees_take_load_and_device_off(rig, judge):
    def ends(c: float) -> bool:
        settle(rig)
        alert(rig, 3900)
        since_us = rig.now_us()
        for step in (64, 72, 79, c):
            rig.temp_c(step)
            rig.wait(5000)
        return "DISCHARGE -> OFF (load too hot)" in changes(rig, since_us)

    judge(
        "load off from",
        [search.of_heat(rig, 80.0, ends)],
        nominal=80,
        low=79.7,
        high=80.3,
        unit="°C",
        spec="section 3",
    )


@needs_discharge
@pytest.mark.needs("power")
def test_a_pulled_cell_takes_the_load_off(discharging):
    """And a start with an empty cell leaves it off."""
    with discharging.capture("LOAD") as seen:
        discharging.cut_power()
        discharging.wait(500)
        discharging.event_line(0)
        discharging.battery_mv(3500)
        discharging.restore_power()
        discharging.wait(30_000)
    assert [bool(edge.level) for edge in load_edges(seen)] == [False]
    assert state(discharging) == "OFF"
