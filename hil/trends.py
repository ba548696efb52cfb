"""What the last runs found, kept beside the report: a line of JSON each."""

from __future__ import annotations

import json
import os
from pathlib import Path

from hil.record import Run

MOST = 200  # runs that are kept


def add(path: Path, run: Run) -> list[dict]:
    """Keep this run; returns the ones before it on the same rig, the oldest first. A line that is none is dropped."""
    kept = load(path)
    written = path.with_suffix(".new")
    written.write_text("".join(json.dumps(entry) + "\n" for entry in [*kept, summary(run)][-MOST:]))
    os.replace(written, path)
    return [entry for entry in kept if entry["rig"] == run.rig]


def load(path: Path) -> list[dict]:
    if not path.exists():
        return []
    return [entry for line in path.read_text().splitlines() if (entry := _parsed(line))]


def _parsed(line: str) -> dict | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and {"rig", "at", "thresholds"} <= entry.keys() else None


def summary(run: Run) -> dict:
    rows = {
        row["name"]: [row["min"], row["median"], row["max"], row["uncertainty"]]
        for row in run.thresholds
        if "median" in row
    }
    return {
        "at": run.started.isoformat(timespec="seconds"),
        "rig": run.rig,
        "seconds": round(run.seconds, 1),
        "device_s": round(run.device_s, 1),
        "counts": run.counts(),
        "thresholds": rows,
    }


def of(before: list[dict], name: str) -> list[float]:
    """The medians of a threshold in the runs before."""
    return [entry["thresholds"][name][1] for entry in before if name in entry["thresholds"]]
