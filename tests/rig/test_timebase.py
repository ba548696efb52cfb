"""Calibration of a rig's clock: what is stated holds, and what can't be known is refused."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.capture import FAIL, INCONCLUSIVE, PASS, Capture, Edge, Measurement
from hil.errors import DeviceFault, RigFault
from hil.timebase import Limits, Trip, calibrate


def trips(
    ppm: float, offset_us: float, seed: int = 1, number: int = 60, every_us: float = 50_000
) -> list[Trip]:
    """Round trips of a line whose ways take 100 us to some ms, each by itself."""
    chance = random.Random(seed)
    made = []
    for i in range(number):
        sent_us = i * every_us
        there_us, back_us = (100 + chance.expovariate(1 / 400) for _ in range(2))
        rig_us = offset_us + (sent_us + there_us) * (1 + ppm / 1e6)
        made.append(Trip(sent_us, rig_us, sent_us + there_us + back_us))
    return made


@given(st.floats(-200, 200), st.floats(-1e9, 1e9), st.integers(0, 1000))
def test_the_true_relation_lies_within_what_is_stated(ppm, offset_us, seed):
    found = calibrate(trips(ppm, offset_us, seed))
    assert abs(found.drift_ppm - ppm) <= found.drift_uncertainty_ppm
    for host_us in (0, 1_500_000, 2_950_000):
        rig_us = offset_us + host_us * (1 + ppm / 1e6)
        assert abs(found.to_host_us(rig_us) - host_us) <= 2 * found.uncertainty_us
        assert abs(found.to_rig_us(found.to_host_us(rig_us)) - rig_us) < 1


def test_a_longer_look_knows_the_rate_better():
    short, long = (calibrate(trips(30, 0, number=60, every_us=every_us)) for every_us in (10_000, 250_000))
    assert long.drift_uncertainty_ppm < short.drift_uncertainty_ppm / 10
    assert abs(long.drift_ppm - 30) < 30


def test_a_clock_out_of_its_limits_is_refused():
    calibrate(trips(90, 0, every_us=1_000_000)).check(Limits())
    with pytest.raises(RigFault, match=r"off by 5\d\d"):
        calibrate(trips(550, 0, every_us=1_000_000)).check(Limits())


def test_a_slow_line_is_refused():
    with pytest.raises(RigFault, match="known to"):
        calibrate(trips(0, 0)).check(Limits(uncertainty_us=10))


def test_too_few_trips_are_refused():
    with pytest.raises(RigFault, match="too few"):
        calibrate(trips(0, 0, number=3))


@pytest.mark.parametrize(
    ("value_us", "verdict"),
    [
        (1500, PASS),
        (1489, FAIL),
        (1491, INCONCLUSIVE),
        (1509, INCONCLUSIVE),
        (1611, FAIL),
        (1595, INCONCLUSIVE),
    ],
)
def test_a_verdict_keeps_a_guard_band(value_us, verdict):
    assert Measurement(value_us, 10).verdict(1500 if value_us < 1510 else None, 1600) == (
        verdict if value_us != 1500 else INCONCLUSIVE
    )


def test_a_margin_wider_than_the_uncertainty_passes():
    assert Measurement(1550, 10).verdict(1500, 1600) == PASS
    assert Measurement(1550, 60).verdict(1500, 1600) == INCONCLUSIVE


def test_a_capture_that_is_not_complete_never_passes():
    seen = Capture(0, 1, 50, edges=[Edge(0, "A", 0), Edge(1_000_000, "A", 1)], ended=True)
    assert seen.pulse("A", 0) == Measurement(1_000_000, 2 + 50)
    with pytest.raises(DeviceFault, match="1 times, not 2"):
        seen.pulse("A", 0, nth=1)
    seen.reasons.append("an edge is lost")
    with pytest.raises(RigFault, match="an edge is lost"):
        seen.pulse("A", 0)
