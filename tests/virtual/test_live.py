"""The watchdog of a board in real time, whose core may be busy without a look at its clock."""

import pytest

from tools.virtual import live
from tools.virtual.board import VirtualBoard

BUSY = """
import time
def compute(ms, done=lambda: None):
    start = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), start) < ms:
        done()
"""
LATE = """
from machine import WDT
compute(2500)
watchdog = WDT(timeout=1000)
compute(200, watchdog.feed)
print("went on")
while True:
    watchdog.feed()
    time.sleep_ms(50)
"""
STUCK = """
from machine import WDT
WDT(timeout=1000)
while True:
    pass
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(live, "_PING_S", 0.3)
    boards: list[live.LiveBoard] = []

    def running(main: str) -> live.LiveBoard:
        VirtualBoard.create(tmp_path, {"main.py": main.encode()})
        boards.append(live.LiveBoard(VirtualBoard(tmp_path, real=True)))
        boards[0].power_on()
        return boards[0]

    yield running
    for each in boards:
        each.close()


def test_what_was_computed_before_it_was_armed_does_not_count(run):
    device = run(BUSY + LATE)
    device.wait_line("went on", 20)
    assert device.board.ends == []


def test_a_core_that_is_stuck_is_ended(run):
    device = run(BUSY + STUCK)
    device.wait_for(lambda board: board.ends[:1] == ["wdt"], 20, "the watchdog")
