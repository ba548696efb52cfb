"""The demo's rows, played in order with live progress, and their table."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tools.demo import cloud_rows, device_rows
from tools.demo.stage import RowFailed, Stage

# (row, what is claimed, how it is tried)
ROWS = (
    ("a1", "PWR_SW1 for 0.8 s: stays OFF", device_rows.power_up("PWR_SW1", 800, "OFF")),
    ("a2", "PWR_SW1 for 1.6 s: IDLE", device_rows.power_up("PWR_SW1", 1600, "IDLE")),
    ("a3", "the same at 56 C: OFF", device_rows.power_up("PWR_SW1", 1600, "OFF", c=56.0)),
    ("a4", "the same at 3.40 V: OFF", device_rows.power_up("PWR_SW1", 1600, "OFF", mv=3400)),
    ("a5", "the same at 3.41 V: IDLE", device_rows.power_up("PWR_SW1", 1600, "IDLE", mv=3410)),
    ("b", "PWR_SW2 records, bookmarks, stops; the file plays", device_rows.recording),
    ("c", "three boards enrol, come online, are heard of", cloud_rows.online),
    ("d", "1.1.0: canary, then the rest, trial, confirmed", cloud_rows.good_release),
    ("e", "1.2.0 fails its self-test: reverted, halted", cloud_rows.bad_release),
    ("f", "unknown key, flipped byte: refused", cloud_rows.forgeries),
    ("g", "power cut in a download: it goes on", cloud_rows.power_cut),
)

_LINES = 25  # of a board's log, shown when a row fails


@dataclass
class Result:
    row: str
    claim: str
    measured: str
    seconds: float
    holds: bool


def play(folder: Path, speed: float, wait: Callable[[], None] | None = None) -> tuple[list[Result], str]:
    """(the rows tried, "" or the row that does not hold and why). `wait` is called before all of it is stopped."""
    console = Console(stderr=True)
    results: list[Result] = []
    with console.status("starting the cloud") as status:
        prefix = ""

        def say(text: str) -> None:
            status.update(prefix + text)
            if not console.is_terminal:
                console.print(prefix + text)

        with Stage(folder, speed, say) as stage:
            console.print(f"the dashboard, signed in once:  {stage.sign_in_link()}", soft_wrap=True)
            stage.make_boards()
            for row, claim, check in ROWS:
                prefix = f"{row}  {claim}: "
                say("...")
                result = _try(stage, row, claim, check)
                results.append(result)
                console.print(f"{row:3} {'holds' if result.holds else 'FAILS'}  {claim}: {result.measured}")
                if not result.holds:
                    for device_id, board in stage.boards.items():
                        console.print(f"the last lines of {device_id}:", *board.lines[-_LINES:], sep="\n  ")
                    return results, f"{row} does not hold: {result.measured}"
            if wait:
                status.stop()
                console.print(f"the dashboard, signed in once:  {stage.sign_in_link()}", soft_wrap=True)
                console.print("the cloud and the boards run on; Ctrl-C stops them")
                wait()
    return results, ""


def _try(stage: Stage, row: str, claim: str, check) -> Result:
    started = time.monotonic()
    try:
        measured, holds = check(stage), True
    except RowFailed as error:
        measured, holds = str(error), False
    return Result(row, claim, measured, round(time.monotonic() - started, 2), holds)


def show(results: list[Result], total_s: float) -> None:
    table = Table(title=f"Fieldrec demo, {total_s:.0f} s")
    for column in ("row", "what", "measured", "s", "holds"):
        table.add_column(column, overflow="fold", justify="right" if column == "s" else "left")
    for result in results:
        mark = "yes" if result.holds else "NO"
        table.add_row(result.row, result.claim, result.measured, f"{result.seconds:.1f}", mark)
    Console().print(table)
