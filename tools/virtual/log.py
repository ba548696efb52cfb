"""A virtual board's log: when its lines were said, and the changes of state that they tell."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from tools.virtual.board import VirtualBoard
from tools.virtual.wiring import WAKE_TO_CODE_US

_STAMP = re.compile(r"(-?\d+)\.(\d{3}) ")
_CHANGE = re.compile(r"\bstate (\w+) -> (\w+) \((.*)\)")
_DECISION = re.compile(r"\bspl: row (\w+) -> (\w+)(?: - (.*?)(?: - |$))?")
_RECOVERY = "spl: RECOVERY: "
_TICKS_US = 1000 << 30  # the period of ticks_ms


class Change(NamedTuple):
    source: str
    target: str
    trigger: str


def change(text: str) -> Change | None:
    """The change of state that a line tells, if it does; what the SPL decides is one from SPL."""
    if found := _CHANGE.search(text):
        return Change(*found.groups())
    if found := _DECISION.search(text):
        return Change("SPL", found[2], f"row {found[1]}: {found[3] or ''}".rstrip(": "))
    return None


def last_state(lines: list[str]) -> str:
    """The state after these lines, "" if none of them tells it; RECOVERY where no slot booted."""
    for line in reversed(lines):
        if line.startswith(_RECOVERY):
            return "RECOVERY"
        if told := change(line):
            return told.target
    return ""


def timed(board: VirtualBoard) -> Iterator[tuple[int, str, bool]]:
    """(time, line, whether the time is exact) of each line of the console.

    The app stamps its lines with milliseconds since the start. A line without a stamp (the SPL's, a traceback) gets
    the time of the next one with a stamp in the same run, or else the last time that is known of that run.
    """
    starts_us = [t for t, _, _ in board.boots]
    offset_us = (board.ticks_offset_us + _TICKS_US // 2) % _TICKS_US - _TICKS_US // 2

    def run_of(entry: tuple[str, int]) -> int:
        return bisect_right(starts_us, entry[1]) - 1  # a time of reading lags, but not behind its own run

    for run, entries in groupby(zip(board.lines, board.line_times_us, strict=True), run_of):
        texts = [text for text, _ in entries]
        stamps_us = [_stamp_us(text, starts_us[run] - offset_us) for text in texts]
        known_us = max([_known_us(board, run), *(t for t in stamps_us if t is not None)])
        for text, stamp_us, t_us in zip(texts, stamps_us, _filled(stamps_us, known_us), strict=True):
            yield t_us, text, stamp_us is not None


def _stamp_us(text: str, zero_us: int) -> int | None:
    stamp = _STAMP.match(text)
    return zero_us + int(stamp[1] + stamp[2]) * 1000 if stamp else None


def _filled(times_us: Iterable[int | None], last_us: int) -> list[int]:
    """Times with each gap closed by what comes after it."""
    filled = [last_us]
    for t in reversed([*times_us]):
        filled.append(filled[-1] if t is None else t)
    return filled[:0:-1]


def _known_us(board: VirtualBoard, run: int) -> int:
    """When a run was still on, as far as its start and its edges tell."""
    start_us, cause, _ = board.boots[run]
    over_us = board.boots[run + 1][0] if run + 1 < len(board.boots) else board.now_us + 1
    last = bisect_left(board.edges, (over_us,)) - 1
    edge_us = board.edges[last][0] if last >= 0 else 0
    return max(min(start_us + (WAKE_TO_CODE_US if cause == "wake" else 0), over_us), edge_us)
