"""Thresholds of what the rig sets: cell and temperature."""

from __future__ import annotations

from collections.abc import Callable

from hil.judging import Found
from hil.search import Tried, threshold

STEP_MV, WITHIN_MV = 1.0, 5.0  # the gauge tells 1.25 mV apart (MAX17048 data sheet, VCELL)
STEP_C, WITHIN_C = 0.1, 0.5


def of_cell(rig, near_mv: float, attempt: Callable[[float], bool], step_mv: float = STEP_MV) -> Found:
    """The voltage in mV from which on `attempt(mv)` is true."""
    return _of(rig, "battery_mv", near_mv, WITHIN_MV, step_mv, attempt)


def of_heat(rig, near_c: float, attempt: Callable[[float], bool], step_c: float = STEP_C) -> Found:
    """The temperature in degrees from which on `attempt(c)` is true."""
    return _of(rig, "temperature_c", near_c, WITHIN_C, step_c, attempt)


def _of(rig, what: str, near: float, within: float, step: float, attempt: Callable[[float], bool]) -> Found:
    def tried(value: float) -> Tried:
        value = round(value, 3)
        return Tried(attempt(value), value, rig.accuracy[what])

    return threshold(tried, near, within, step)
