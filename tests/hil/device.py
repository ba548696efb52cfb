"""The device as a person handles it, on any rig: brought from state to state by its keys, judged by its log."""

from __future__ import annotations

import re

from hil.bench import TEMP_C, settle
from hil.capture import Capture, Edge
from hil.errors import DeviceFault
from tools.virtual import log

_CHANGES = re.compile(r" state (\w+ -> \w+ \(.*\))")
_STEPS = 4  # keys that it takes at most to get anywhere
_PATIENCE_MS = 5000

# (from, to): key, how long it is held, a line that says it worked
_WAYS = {
    ("OFF", "IDLE"): ("PWR_SW1", 1700, "state IDLE"),
    ("OFF", "RECORD"): ("PWR_SW2", 1200, "state RECORD"),
    ("IDLE", "RECORD"): ("PWR_SW2", 1300, "-> RECORD"),
    ("RECORD", "IDLE"): ("PWR_SW2", 3300, "recorded"),
    ("IDLE", "OFF"): ("PWR_SW1", 5300, "-> OFF"),
    ("RECORD", "OFF"): ("PWR_SW2", 3300, "recorded"),  # and then from IDLE
}


def texts(rig, since_us: float = 0.0) -> list[str]:
    return [line.text for line in rig.lines if line.t_us >= since_us]


def state(rig) -> str:
    return log.last_state(texts(rig))


def changes(rig, since_us: float = 0.0) -> list[str]:
    """Each change of state that the app told, as "IDLE -> OFF (PWR_SW1 5000)"."""
    return [found[1] for text in texts(rig, since_us) if (found := _CHANGES.search(text))]


def bring(rig, wanted: str) -> None:
    """Into `wanted` by its keys."""
    for _ in range(_STEPS):
        now = state(rig)
        if now == wanted:
            return
        if (now, wanted) not in _WAYS:
            settle(rig)
            continue
        key, ms, says = _WAYS[now, wanted]
        since_us = rig.now_us()
        rig.press(key, ms)
        rig.expect_line(says, ms + _PATIENCE_MS, since_us=since_us)
        rig.wait(1500)
    raise DeviceFault(f"the device can't be brought into {wanted}, it is in {state(rig)}")


def decision(rig, within_ms: float = _PATIENCE_MS, since_us: float | None = None) -> tuple[int, str]:
    """(row, state) of the SPL's table that it decided by."""
    words = rig.expect_line("spl: row", within_ms, since_us=since_us).split()
    return int(words[2]), words[4]


def held(seen: Capture, key: str) -> tuple[float, float]:
    """How long a press without bounce really was, and how sure that is; ms."""
    measured = seen.pulse(key, 0)
    return measured.value_us / 1000, measured.uncertainty_us / 1000


def load_edges(seen: Capture) -> list[Edge]:
    """When the load went on and off, whatever its duty."""
    edges: list[Edge] = []
    for edge in seen.of("LOAD"):
        if not edges or bool(edges[-1].level) != bool(edge.level):
            edges.append(edge)
    return edges


def load_is_on(rig, within_ms: float) -> None:
    full = 65535 if rig.backend == "virtual" else 1  # the virtual board's pin tells the duty
    rig.expect("LOAD", full, within_ms)


def warm(rig, c: float) -> None:
    """As fast as a cell can get warm: steps that are no fault of the thermistor."""
    now_c = TEMP_C
    while c - now_c > 8:
        now_c += 8
        rig.temp_c(now_c)
        rig.wait(5000)
    rig.temp_c(c)
