"""What is new on a board that runs, for those who watch it: a panel asks for it again and again."""

from __future__ import annotations

import contextlib
from bisect import bisect_left

from tools.virtual import log
from tools.virtual.board import VirtualBoard
from tools.virtual.live import LiveBoard

_WAIT_S = 0.1  # how long something new is waited for
_MOST = 500  # entries of each kind that a new watcher gets
_GROWING = ("edges", "lines", "orders", "boots")


def news(live: LiveBoard, run: str, seen: dict) -> dict:
    """Where the board stands, and what came after `seen`, the entry of the same name in the answer before.

    `run` names this run of the service: a watcher that has seen another one starts anew.
    """
    board = live.board
    if seen.get("run") != run:
        seen = {name: max(0, len(getattr(board, name)) - _MOST) for name in _GROWING} | {"power": ""}
    live.ping()
    with contextlib.suppress(TimeoutError):
        live.wait_for(lambda board: _differs(board, seen), _WAIT_S, "news")
    fresh = {name: getattr(board, name)[seen[name] :] for name in _GROWING}
    now_seen = {name: seen[name] + len(entries) for name, entries in fresh.items()}
    return {
        **fresh, "seen": now_seen | {"run": run, "power": board.power}, "name": board.folder.name,
        "now_us": board.now_us, "rate": board.rate, "power": board.power, "state": state(board),
        "pins": board.pins, "world": board.world.save(),
    }  # fmt: skip


def _differs(board: VirtualBoard, seen: dict) -> bool:
    return board.power != seen["power"] or any(len(getattr(board, name)) > seen[name] for name in _GROWING)


def state(board: VirtualBoard) -> str:
    """OFF without a running processor; else what the log of this run told last, SPL before it told any."""
    if board.power != "on":
        return "OFF"
    first = bisect_left(board.line_times_us, board.boots[-1][0])
    return log.last_state(board.lines[first:]) or "SPL"
