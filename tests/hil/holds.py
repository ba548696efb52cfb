"""Every hold of the specification, as a table."""

from __future__ import annotations

import re
from typing import NamedTuple

_DECISION = re.compile(r"spl: row [78] -> (\w+)")
_GESTURE = re.compile(r" state (\w+) -> (\w+) \((PWR_SW\d) (\d+)\)")


class Hold(NamedTuple):
    """`start`: the state it is begun in; `done`: the state that it ends in."""

    name: str
    spec: str
    start: str
    key: str
    ms: int
    done: str

    def __str__(self) -> str:
        return self.name


HOLDS = [
    Hold("off SW1 1500", "2, row 7", "OFF", "PWR_SW1", 1500, "IDLE"),
    Hold("off SW2 1000", "2, row 8", "OFF", "PWR_SW2", 1000, "RECORD"),
    Hold("idle SW1 1000", "4, private", "IDLE", "PWR_SW1", 1000, "IDLE"),
    Hold("idle SW1 3000", "4, WiFi", "IDLE", "PWR_SW1", 3000, "IDLE"),
    Hold("idle SW1 5000", "4, power off", "IDLE", "PWR_SW1", 5000, "OFF"),
    Hold("idle SW1 15000", "4, force reset", "IDLE", "PWR_SW1", 15000, "RESET"),
    Hold("idle SW2 1000", "4, record", "IDLE", "PWR_SW2", 1000, "RECORD"),
    Hold("idle SW2 3000", "4, audio only", "IDLE", "PWR_SW2", 3000, "RECORD"),
    Hold("record SW1 3000", "4, mute", "RECORD", "PWR_SW1", 3000, "RECORD"),
    Hold("record SW2 1000", "4, bookmark", "RECORD", "PWR_SW2", 1000, "RECORD"),
    Hold("record SW2 3000", "4, stop", "RECORD", "PWR_SW2", 3000, "IDLE"),
]


def before(hold: Hold) -> list[int]:
    """The thresholds that a hold of the same key in the same state passes first."""
    return sorted(h.ms for h in HOLDS if (h.start, h.key) == (hold.start, hold.key) and h.ms < hold.ms)


def is_done(hold: Hold, log: list[str]) -> bool:
    """Whether these lines say so. The app names what it does by its threshold: nearer to this one than to the last."""
    if hold.start == "OFF":
        return any(found[1] == hold.done for text in log if (found := _DECISION.search(text)))
    least = (hold.ms + max(before(hold), default=0)) / 2
    for text in log:
        found = _GESTURE.search(text)
        if found and found.group(1, 2, 3) == (hold.start, hold.done, hold.key) and int(found[4]) > least:
            return True
    return False
