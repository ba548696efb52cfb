"""Verdicts and searches on numbers alone."""

import random

import pytest

from hil.errors import DeviceFault
from hil.judging import Found, Inconclusive, Judge, Threshold
from hil.search import Tried, threshold


def row(
    *values: float, low: float | None = 95, high: float | None = 105, uncertainty: float = 1.0
) -> Threshold:
    return Threshold("it", "here", "ms", 100, low, high, [Found(value, uncertainty) for value in values])


@pytest.mark.parametrize(
    ("values", "verdict", "margin"),
    [
        ((100,), "PASS", 5),
        ((96,), "PASS", 1),
        ((95.5,), "INCONCLUSIVE", 0.5),
        ((94.5,), "INCONCLUSIVE", -0.5),
        ((94,), "FAIL", -1),
        ((100, 104.5), "INCONCLUSIVE", 0.5),
        ((100, 110), "FAIL", -5),
    ],
)
def test_the_worst_value_decides_with_a_guard_band(values, verdict, margin):
    assert row(*values).verdict == verdict
    assert row(*values).margin == pytest.approx(margin)


def test_one_limit_will_do():
    assert row(1000, high=None).verdict == "PASS" and row(1000, low=None).verdict == "FAIL"
    assert "at least 95" in str(row(100, high=None)) and "at most 105" in str(row(100, low=None))


def test_what_was_not_measured_does_not_pass():
    assert row().verdict == "INCONCLUSIVE" and row().record()["repeats"] == 0


def test_a_record_has_min_median_max():
    record = row(99, 100, 103).record()
    assert (record["min"], record["median"], record["max"], record["margin"]) == (99, 100, 103, 2)


def test_a_judge_keeps_the_row_and_raises_what_does_not_pass():
    rows: list[Threshold] = []
    judge = Judge(rows)
    judge("good", [Found(100, 1)], nominal=100, low=95, high=105)
    with pytest.raises(
        DeviceFault, match=r"bad: 110.0000 ms \+- 1.0000 ms; nominal 100, allowed 95 to 105: FAIL"
    ):
        judge("bad", [Found(110, 1)], nominal=100, low=95, high=105)
    with pytest.raises(Inconclusive, match="within the uncertainty"):
        judge("unsure", [Found(105, 1)], nominal=100, low=95, high=105)
    with pytest.raises(ValueError, match="nothing to judge"):
        judge("no limits", [Found(100, 1)], nominal=100)
    assert [each.name for each in rows] == ["good", "bad", "unsure"]


def from_on(limit: float, tries: list[float]):
    def attempt(value: float) -> Tried:
        tries.append(value)
        return Tried(value >= limit, value, 0.01)

    return attempt


@pytest.mark.parametrize("limit", [1500, 1500.4, 1495.2, 1520, 1700, 1210, 1504.99])
def test_a_threshold_is_found_within_its_uncertainty(limit):
    tries: list[float] = []
    found = threshold(from_on(limit, tries), 1500, 5, 1)
    assert abs(found.value - limit) <= found.uncertainty <= 0.76
    assert len(tries) <= 16


def test_near_its_nominal_value_six_tries_do():
    tries: list[float] = []
    threshold(from_on(1500, tries), 1500, 5, 1)
    assert len(tries) <= 6


@pytest.mark.parametrize("always", [True, False])
def test_without_a_threshold_the_search_ends(always):
    with pytest.raises(DeviceFault, match="no threshold"):
        threshold(lambda value: Tried(always, value, 0), 1500, 5, 1)


def test_a_device_that_is_unsure_gives_a_wider_answer():
    """Its own clock ticks every 4 ms, from anywhere."""
    chance = random.Random(7)

    def attempt(value: float) -> Tried:
        return Tried(value + 4 * chance.random() >= 1500, value, 0)

    for _ in range(50):
        found = threshold(attempt, 1500, 8, 0.5)
        assert 1496 - found.uncertainty <= found.value <= 1500 + found.uncertainty


def test_what_the_rig_really_did_counts():
    """It is told 1500 and makes 1503."""
    found = threshold(lambda value: Tried(value + 3 >= 1500, value + 3, 0.5), 1500, 5, 1)
    assert abs(found.value - 1500) <= found.uncertainty <= 1.3
