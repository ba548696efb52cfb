"""How a test on a rig ended, as pytest, its JUnit file and the report tell it apart.

rig fault      error, "RIG FAULT"    the bench can't be trusted: nothing is known about the device
test error     error, "TEST ERROR"   the test is wrong
device fault   failure               the device did not do what it should
inconclusive   "inconclusive"        a limit lies within the uncertainty; the run fails, unless it is allowed
"""

from __future__ import annotations

import pytest

from hil.errors import RigFault
from hil.judging import Inconclusive
from hil.record import DEVICE_FAULT, INCONCLUSIVE, PASSED, RIG_FAULT, SKIPPED, TEST_ERROR

_WORDS = {RIG_FAULT: "RIG FAULT", TEST_ERROR: "TEST ERROR", INCONCLUSIVE: "INCONCLUSIVE"}
_KEY = "rig outcome"


def of(error: BaseException | None) -> str:
    """The outcome that an exception means."""
    if error is None:
        return PASSED
    if isinstance(error, pytest.skip.Exception):
        return SKIPPED
    if isinstance(error, RigFault):
        return RIG_FAULT
    if isinstance(error, Inconclusive):
        return INCONCLUSIVE
    return DEVICE_FAULT if isinstance(error, AssertionError | pytest.fail.Exception) else TEST_ERROR


def mark(report: pytest.TestReport, error: BaseException | None, allow_inconclusive: bool) -> str:
    """Make a report tell the outcome; returns it."""
    outcome = of(error)
    if outcome not in _WORDS or not report.failed:
        return outcome
    report.__dict__[_KEY] = outcome
    if outcome == INCONCLUSIVE and allow_inconclusive:
        report.outcome = "skipped"
        report.longrepr = (*report.location[:2], f"INCONCLUSIVE: {error}")  # type: ignore[assignment]
        return outcome
    report.sections.insert(0, (_WORDS[outcome], str(error)))
    if outcome != INCONCLUSIVE and report.when == "call":
        report.when = "setup"  # pytest and JUnit call a failure an error where it is not the call's
    return outcome


def status(report: pytest.TestReport) -> tuple[str, str, tuple[str, dict]] | None:
    """(category, letter, word) for the terminal; None where pytest's own will do."""
    outcome = report.__dict__.get(_KEY)
    if outcome == INCONCLUSIVE:
        return "inconclusive", "I", (_WORDS[outcome], {"yellow": True})
    if outcome:
        return "error", "E", (_WORDS[outcome], {"red": True})
    return None
