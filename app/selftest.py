"""What a new version must show before it is kept: a table of named checks."""

import asyncio
import os
from time import ticks_diff, ticks_ms

from micropython import const

from board.errors import SensorError

_LOOP_MS = const(30_000)
_LOOP_STILL_MS = const(5_000)
_BROKER_MS = const(120_000)
_POLL_MS = const(500)


class Subject:
    """What is tested. `storage()`: the path recordings go to; `turns()`: how often the main loop went round;
    `online()`: whether the broker is reached, None if it needn't be (WiFi off, private)."""

    def __init__(self, gauge, thermistor, storage, turns, online):
        self.gauge, self.thermistor, self.storage = gauge, thermistor, storage
        self.turns, self.online = turns, online


async def _gauge_reads(subject):
    subject.gauge.read()


async def _thermistor_reads(subject):
    subject.thermistor.read_decic()


async def _storage_takes_files(subject):
    path = subject.storage() + "/selftest.tmp"
    with open(path, "wb") as file:
        file.write(b"fieldrec")
    with open(path, "rb") as file:
        found = file.read()
    os.remove(path)
    if found != b"fieldrec":
        return "what was written is not what is read"


async def _loop_goes_round(subject):
    """For 30 s, without standing still for 5 s."""
    begin = moved = ticks_ms()
    turns = subject.turns()
    while ticks_diff(ticks_ms(), begin) < _LOOP_MS:
        await asyncio.sleep_ms(_POLL_MS)
        if subject.turns() != turns:
            turns, moved = subject.turns(), ticks_ms()
        elif ticks_diff(ticks_ms(), moved) > _LOOP_STILL_MS:
            return "it stood still for 5 s"


async def _broker_is_reached(subject):
    begin = ticks_ms()
    while subject.online() is False:
        if ticks_diff(ticks_ms(), begin) > _BROKER_MS:
            return "not within 120 s"
        await asyncio.sleep_ms(_POLL_MS)


# a check returns None, or what is wrong; or raises one of the errors below
CHECKS = (
    ("gauge", _gauge_reads),
    ("thermistor", _thermistor_reads),
    ("storage", _storage_takes_files),
    ("main loop", _loop_goes_round),
    ("broker", _broker_is_reached),
)


async def run(subject, checks=CHECKS):
    """(True, "") if all checks pass, else (False, name and reason of the first that does not)."""
    for name, check in checks:
        try:
            wrong = await check(subject)
        except (SensorError, OSError) as error:
            wrong = str(error) or type(error).__name__
        if wrong:
            return False, f"self-test: {name}: {wrong}"
    return True, ""
