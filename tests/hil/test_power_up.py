"""The power-up stage's table, row by row: section 2 of the specification."""

import pytest

from hil.bench import settle
from hil.judging import Found
from tests.hil import search
from tests.hil.device import changes, decision, state

GAUGES = ["max17048", "bq27427"]
FAULTS = {
    "nack": "G01",
    "zeros": "G03",
    "ones": "G03",
    "wrong_part": "G02",
    "stuck_sda": "B01",
    "stuck_scl": "B02",
}
_MEASURED_MS = 1500  # after a change of cell or temperature, every sensor has seen it

pytestmark = pytest.mark.needs("keys", "serial")


def pressed(rig, key: str = "PWR_SW1", ms: float = 1700) -> tuple[int, str]:
    """What the SPL makes of a press."""
    since_us = rig.now_us()
    rig.press(key, ms)
    found = decision(rig, since_us=since_us)
    rig.wait(ms + 500)
    return found


def alerted(rig) -> tuple[int, str]:
    """What the SPL makes of the event line."""
    since_us = rig.now_us()
    rig.event_line(1)
    return decision(rig, since_us=since_us)


@pytest.mark.needs("gauge", "gauge_fault")
@pytest.mark.parametrize("gauge", GAUGES)
@pytest.mark.parametrize("fault", FAULTS)
def test_row_1_a_gauge_that_cannot_be_read(rig, gauge, fault):
    """OFF with a code, and not taken for an empty cell; once the fault is gone it starts."""
    rig.gauge(gauge)
    rig.wait(_MEASURED_MS)
    rig.gauge_fault(fault)
    since_us = rig.now_us()
    assert pressed(rig) == (1, "OFF")
    rig.expect_line(FAULTS[fault], 1000, since_us=since_us)
    rig.gauge_fault("")
    settle(rig)
    assert pressed(rig) == (7, "IDLE")


@pytest.mark.needs("event_line", "temperature", "battery")
def test_row_2_temperature(rig, judge, repeats):
    """Woken by the event line it discharges from 55.0 C on."""

    def discharges(c: float) -> bool:
        settle(rig)
        rig.event_line(0)
        rig.temp_c(c)
        rig.wait(_MEASURED_MS)
        return alerted(rig) == (2, "DISCHARGE")

    found = [search.of_heat(rig, 55.0, discharges) for _ in range(repeats)]
    judge("maintenance from", found, nominal=55.0, low=54.7, high=55.3, unit="°C", spec="section 2, row 2")


@pytest.mark.needs("event_line", "temperature", "battery")
def test_row_2_cell(rig, judge, repeats):
    """Woken by the event line it discharges a cell over 3.600 V."""

    def discharges(mv: float) -> bool:
        settle(rig)
        rig.event_line(0)
        rig.temp_c(56)
        rig.battery_mv(mv)
        rig.wait(_MEASURED_MS)
        return alerted(rig) == (2, "DISCHARGE")

    found = [search.of_cell(rig, 3600, discharges) for _ in range(repeats)]
    judge("maintenance over", found, nominal=3600, low=3597, high=3604, unit="mV", spec="section 2, row 2")


@pytest.mark.needs("battery")
def test_row_3_cell(rig, judge, repeats):
    """A press starts it with a cell over 3.400 V."""

    def starts(mv: float) -> bool:
        settle(rig)
        rig.battery_mv(mv)
        rig.wait(_MEASURED_MS)
        return pressed(rig) == (7, "IDLE")

    found = [search.of_cell(rig, 3400, starts) for _ in range(repeats)]
    judge("starts over", found, nominal=3400, low=3397, high=3404, unit="mV", spec="section 2, row 3")


@pytest.mark.needs("temperature", "event_line")
def test_row_3_temperature(rig, judge, repeats):
    """A press does not start it at 55.0 C and above."""

    def stays_off(c: float) -> bool:
        settle(rig)
        rig.event_line(0)
        rig.temp_c(c)
        rig.wait(_MEASURED_MS)
        return pressed(rig) == (3, "OFF")

    found = [search.of_heat(rig, 55.0, stays_off) for _ in range(repeats)]
    judge(
        "too hot to start from", found, nominal=55.0, low=54.7, high=55.3, unit="°C", spec="section 2, row 3"
    )


@pytest.mark.needs("event_line")
def test_row_4_an_event_that_is_over(rig):
    """It goes back to OFF, and a line that stays high does not wake it again at once."""
    assert alerted(rig) == (4, "OFF")
    since_us = rig.now_us()
    rig.wait(60_000)
    assert not [line for line in rig.lines if "spl: row" in line.text and line.t_us > since_us + 1_000_000]


def test_the_key_that_woke_it_counts(rig):
    """The other key is ignored until both were let go."""
    since_us = rig.now_us()
    rig.press("PWR_SW2", 1200)
    rig.wait(400)
    rig.press("PWR_SW1", 400)
    assert decision(rig, since_us=since_us) == (8, "RECORD")
    rig.wait(3000)
    assert changes(rig, since_us) == []


def test_both_keys_the_other_one_held_longer(rig):
    """The one that woke it is let go too early; that the other is held for long does not start it."""
    since_us = rig.now_us()
    rig.press("PWR_SW2", 900)
    rig.wait(400)
    rig.press("PWR_SW1", 2000)
    assert decision(rig, since_us=since_us) == (6, "OFF")


def test_the_hold_that_powered_it_on_is_no_gesture(rig):
    since_us = rig.now_us()
    assert pressed(rig, ms=7000) == (7, "IDLE")
    assert changes(rig, since_us) == [] and state(rig) == "IDLE"


@pytest.mark.needs("power")
@pytest.mark.parametrize(
    "there",
    [
        "",
        pytest.param("charger", marks=pytest.mark.needs("charger")),
        pytest.param("host_present", marks=pytest.mark.needs("host_present")),
    ],
)
def test_row_9_power_on(rig, there):
    """It stays OFF, unless there is a charger or a USB host."""
    rig.cut_power()
    if there:
        getattr(rig, there)(True)
    rig.wait(200)
    since_us = rig.now_us()
    rig.restore_power()
    assert decision(rig, since_us=since_us) == (9, "IDLE" if there else "OFF")


@pytest.mark.needs("capture")
def test_the_light_comes_soon_after_the_hold(rig, judge, repeats):
    """From the press to the state light: the hold, and what it takes to start the app."""
    found = []
    for _ in range(repeats):
        settle(rig)
        with rig.capture("PWR_SW1", "LED_STATE") as seen:
            rig.press("PWR_SW1", 1700)
            rig.expect("LED_STATE", 1, 6000)
            rig.wait(500)
        delay = seen.delay("PWR_SW1", 0, "LED_STATE", 1)
        found.append(Found(delay.value_us / 1000, delay.uncertainty_us / 1000))
    judge(
        "press to light",
        found,
        nominal=1500,
        low=1495,
        high=4000,
        spec="section 2, row 7, and start of the app",
    )
