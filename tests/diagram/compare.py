"""The diagram against the tables of the device, both ways; each difference in words."""

import json
import os
import subprocess

from tests.diagram.arrows import Arrow
from tools.release_build import PROJECT
from tools.virtual.interpreter import MICROPYTHON

_GOOD = {"vbat_mv": 3900, "temp_decic": 250, "held_ms": 0, "down": False, "wake": "PWR_SW1"}
_RESET = {"[*]": "RESET"}


def tables(probes: list[dict]) -> dict:
    """The device's own tables, and what its SPL decides for each probe."""
    command = [*MICROPYTHON, str(PROJECT / "tests/diagram/device_tables.py")]
    env = os.environ | {"MICROPYPATH": f"{PROJECT}:.frozen"}
    run = subprocess.run(
        command, env=env, input=json.dumps(probes), capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads(run.stdout)


def differences(arrows: list[Arrow]) -> list[str]:
    """Nothing if diagram and tables say the same."""
    spl = [arrow for arrow in arrows if arrow.source == "SPL"]
    app = [arrow for arrow in arrows if arrow.source not in ("SPL", "OFF")]
    probed = [(arrow, *probe) for arrow in spl for probe in _probes(arrow)]
    device = tables([probe for _, probe, _ in probed])
    return _spl_differences(probed, device) + _app_differences(app, device)


# -- the SPL: its conditions are functions, so it is asked at each number of the label and one step beside it


def _probes(arrow: Arrow) -> list[tuple[dict, bool]]:
    """[(inputs, whether the arrow must be taken with them)]"""
    facts = arrow.facts
    if "maintenance" in facts:
        at = {"wake": facts["key"], "temp_decic": 550}
        return [(_GOOD | at, True), (_GOOD | at | {"temp_decic": 549}, False)]
    if "released_ms" in facts:
        at = {"wake": facts["key"], "held_ms": facts["released_ms"] - 1}
        return [(_GOOD | at, True), (_GOOD | at | {"held_ms": facts["released_ms"]}, False)]
    if "valid" in facts:
        return [(_GOOD | {"wake": facts["key"], "held_ms": 60_000, "down": True}, True)]
    held = _GOOD | {"held_ms": 60_000}
    return [
        (held | {"vbat_mv": facts["batt_max_mv"]}, True),
        (held | {"vbat_mv": facts["batt_max_mv"] + 1}, False),
        (held | {"temp_decic": facts["temp_min_decic"]}, True),
        (held | {"temp_decic": facts["temp_min_decic"] - 1}, False),
    ]


def _spl_differences(probed: list[tuple[Arrow, dict, bool]], device: dict) -> list[str]:
    seed = {row for row, _, origin in device["rows"] if origin == "seed"}
    found, taken = [], set()
    for (arrow, probe, must), decided in zip(probed, device["decided"], strict=True):
        is_taken = decided is not None and decided[1] == arrow.target and decided[0] in seed
        if is_taken != must:
            found.append(f"arrow {arrow}: with {probe} the SPL decides {decided}")
        elif must:
            taken.add(decided[0])
    return found + [f"row {row} of the SPL is no arrow of the diagram" for row in sorted(seed - taken)]


# -- the app: its tables are data


def _app_differences(arrows: list[Arrow], device: dict) -> list[str]:
    drawn = {_drawn(arrow): str(arrow) for arrow in arrows}
    rows = {_row(row, device): row for row in device["transitions"] if row[4] == "seed"}
    return [f"arrow {drawn[key]} has no row in the app" for key in drawn if key not in rows] + [
        f"row {rows[key]} of the app is no arrow of the diagram" for key in rows if key not in drawn
    ]


def _drawn(arrow: Arrow) -> tuple:
    return arrow.source, _RESET.get(arrow.target, arrow.target), *sorted(arrow.facts.items())


def _row(row: list, device: dict) -> tuple:
    source, trigger, target, _, _ = row
    return source, target, *sorted(_facts(trigger, device).items())


def _facts(trigger: list, device: dict) -> dict:
    if len(trigger) == 2 and trigger[0] != "dwell":
        return {"key": trigger[0], "hold_ms": trigger[1]}
    if trigger[0] == "dwell":
        _, decic, mv, for_s, _ = next(rule for rule in device["dwells"] if rule[0] == trigger[1])
        return {"temp_min_decic": decic, "batt_min_mv": mv, "dwell_s": for_s}
    return {"target shutdown": {"shutdown_mv": device["shutdown_mv"]}, "target reached": {"target": True}}[
        trigger[0]
    ]
