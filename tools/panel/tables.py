"""What the panel shows of the device's own tables: they are asked for inside MicroPython, nothing is written twice."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from typing import NamedTuple

from tools.release_build import PROJECT
from tools.virtual.interpreter import MICROPYTHON

# the SPL's bounds are conditions of its rows: the safety row is asked where it begins to hold
_PROGRAM = """
import json
from app import discharge, heat, settings, states
from bootloader import decide

def row(mv, decic):
    inputs = decide.Inputs("wake", "PWR_SW1")
    inputs.vbat_mv, inputs.temp_decic, inputs.down = mv, decic, True
    return (decide.decide(inputs) or (0, ""))[1]

print(json.dumps({
    "spl": decide.HOLD_MS,
    "transitions": states.TRANSITIONS,
    "dwells": heat.DWELLS,
    "empty_mv": max(mv for mv in range(3000, 4200) if row(mv, 250) == decide.OFF),
    "hot_decic": min(decic for decic in range(300, 900) if row(3900, decic) == decide.OFF),
    "shutdown_mv": discharge.SHUTDOWN_MV,
    "load_max_decic": discharge.MAX_DECIC,
    "record_max_decic": settings.TABLE["record_max_decic"][0],
}))
"""
_POWER_ON = {"PWR_SW1": "Power on", "PWR_SW2": "Power on and record"}
_WORDS = {
    "toggle_private": "Private mode",
    "toggle_wifi": "WiFi on or off",
    "toggle_mute": "Mute",
    "record_normal": "Record",
    "record_audio": "Record audio only",
    "bookmark": "Bookmark",
    "OFF": "Power off",
    "RESET": "Force reset",
    "IDLE": "Stop",
}


Step = tuple[int, str, bool]


class Bound(NamedTuple):
    """A value of cell or temperature at which the device does something else."""

    at: float
    does: str


class Tables(NamedTuple):
    """`ladders`: {state: {key: [(held in ms, what a release then does, whether it comes while held)]}}, rising."""

    ladders: dict[str, dict[str, list[Step]]]
    volts: list[Bound]
    celsius: list[Bound]


@functools.cache
def read() -> Tables:
    """The tables of this tree's device code."""
    env = os.environ | {"MICROPYPATH": f"{PROJECT}:.frozen"}
    command = [*MICROPYTHON, "-c", _PROGRAM]
    run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    if run.returncode:
        raise ValueError(f"the device's tables can't be read:\n{run.stdout}{run.stderr}")
    device = json.loads(run.stdout)
    return Tables(_ladders(device), _volts(device), _celsius(device))


def _ladders(device: dict) -> dict[str, dict[str, list[Step]]]:
    off = {key: [(ms, _POWER_ON[key], False)] for key, ms in device["spl"].items()}
    ladders: dict[str, dict[str, list[Step]]] = {"OFF": off, "SPL": off}
    for source, (key, *rest), target, effect, _ in device["transitions"]:
        if key in off:
            ladders.setdefault(source, {name: [] for name in off})[key].append(
                (rest[0], _WORDS[effect or target], target == "RESET")
            )
    for keys in ladders.values():
        for ladder in keys.values():
            ladder.sort()
    return ladders


def _volts(device: dict) -> list[Bound]:
    dwells = [Bound(mv / 1000, f"{name} heat rule") for name, _, mv, _, _ in device["dwells"]]
    return sorted(
        [
            Bound(device["empty_mv"] / 1000, "off"),
            Bound(device["shutdown_mv"] / 1000, "discharge ends"),
            *dwells,
        ]
    )


def _celsius(device: dict) -> list[Bound]:
    dwells = {decic: f"{name} rule" for name, decic, _, _, _ in device["dwells"]}
    bounds = {
        device["hot_decic"]: "no power-up",
        device["record_max_decic"]: "recording stops",
        device["load_max_decic"]: "load off",
    }
    every = sorted({*dwells, *bounds})
    return [Bound(d / 10, ", ".join(t[d] for t in (bounds, dwells) if d in t)) for d in every]
