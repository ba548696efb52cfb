"""What was lived, under the results of the run."""

from collections import Counter

import pytest

from tests.properties.lived import LIVED
from tools import firmware


@pytest.fixture(scope="session")
def life_files(first_release) -> dict[str, bytes]:
    """The flash of a board that lives: no network, and no microphone that listens for hours at a charger."""
    settings = {"wifi_on": False, "pre_event_s": 0}
    identity = firmware.Identity("dev-0001", "virtual", first_release.parent / "keys", settings=settings)
    return firmware.files(identity, first_release)


def pytest_terminal_summary(terminalreporter, config) -> None:
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    parts = [
        value
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == LIVED and report.when == "call"
    ]
    if not parts:
        return
    states: Counter[str] = Counter()
    ways: Counter[str] = Counter()
    for part in parts:
        states.update(part["state_h"])
        ways.update(part["ways"])
    hours, lives, starts, took_s = (
        sum(part[key] for part in parts) for key in ("hours", "lives", "boots", "took_s")
    )
    spent = ", ".join(f"{state} {state_h:.0f} h" for state, state_h in states.most_common() if state_h >= 1)
    terminalreporter.write_line(
        f"{hours:.0f} hours of {lives} random lives in {took_s:.0f} s: {starts} starts, {spent}"
    )
    if config.option.verbose > 0:
        for way, count in sorted(ways.items()):
            terminalreporter.write_line(f"  {count:6d} x {way}")
