"""The trace of a virtual board's run: what was done to it and what it did, as data that can be kept and run again.

A file is JSON lines: the first says how the board was made, each further one is one thing that happened, in order
of time. Times are microseconds of the board's world.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from tools.virtual.board import VirtualBoard, World
from tools.virtual.log import timed

VERSION = 1
MOST = (
    100_000  # edges and lines that are kept, the newest ones; orders are all kept, or it could not run again
)
_OPTIONS = ("seed", "heap", "utc_s", "ticks_offset_us")


class Order(NamedTuple):
    """What was done: a method of the world with its arguments, `power_on` or `cut_power`."""

    t: int
    command: str
    arguments: tuple


class Edge(NamedTuple):
    t: int
    signal: str
    value: int


class Line(NamedTuple):
    """A line of the log; `exact` if the device stamped it, else it came at `t` or shortly before."""

    t: int
    text: str
    exact: bool


class Boot(NamedTuple):
    """A start, why, and how it ended: "" while it runs."""

    t: int
    cause: str
    wake: str
    end: str


class Trace(NamedTuple):
    options: dict
    world: dict  # as it was found
    orders: list[Order]
    edges: list[Edge]
    lines: list[Line]
    boots: list[Boot]
    end_us: int

    @classmethod
    def of(cls, board: VirtualBoard) -> Trace:
        """All that happened to `board` up to now."""
        (_, _, (world,)), *orders = board.orders
        options = {name: getattr(board, name) for name in _OPTIONS}
        ends = [*board.ends, ""]  # the last boot has none yet
        boots = [Boot(*boot, end) for boot, end in zip(board.boots, ends, strict=False)]
        lines = [Line(*line) for line in timed(board)]
        edges = [Edge(*edge) for edge in board.edges[-MOST:]]
        return cls(options, world, [Order(*o) for o in orders], edges, lines[-MOST:], boots, board.now_us)

    def new_world(self) -> World:
        """The world as it was found, to be run again."""
        return World(deepcopy(self.world))

    # -- as a file

    def records(self) -> list[dict]:
        """What JSON can carry: a head, and what happened."""
        head = {
            "fieldrec_trace": VERSION,
            "options": self.options,
            "world": self.world,
            "end_us": self.end_us,
        }
        happened = [{"t": t, kind: rest} for kind in _KINDS for t, *rest in getattr(self, kind + "s")]
        return [head, *sorted(happened, key=lambda record: record["t"])]

    @classmethod
    def from_records(cls, records: Iterable[dict]) -> Trace:
        """ValueError if they are no trace, or of another version."""
        head, *happened = records
        if head.get("fieldrec_trace") != VERSION:
            raise ValueError(f"no trace of version {VERSION}: it begins with {str(head)[:60]}")
        lists = {
            kind + "s": [made(record["t"], *record[kind]) for record in happened if kind in record]
            for kind, made in _KINDS.items()
        }
        return cls(head["options"], head["world"], **lists, end_us=head["end_us"])

    def dumps(self) -> str:
        return "".join(json.dumps(record) + "\n" for record in self.records())

    def save(self, file: Path) -> None:
        file.write_text(self.dumps())

    @classmethod
    def load(cls, file: Path) -> Trace:
        return cls.from_records(json.loads(line) for line in file.read_text().splitlines())

    def difference(self, other: Trace) -> str:
        """The first thing that happened in one of them only; "" if both tell the same."""
        for mine, theirs in zip_longest(self.records()[1:], other.records()[1:]):
            if mine != theirs:
                return f"here {json.dumps(mine)}, there {json.dumps(theirs)}"
        return ""


def _order(t: int, command: str, arguments: list) -> Order:
    return Order(t, command, tuple(arguments))


_KINDS: dict[str, Callable] = {"order": _order, "boot": Boot, "edge": Edge, "line": Line}


def replay(file: Path, folder: Path) -> VirtualBoard:
    """Do it all again, in virtual time, to the board in `folder`, whose flash and card are as they were at the start.

    What ran in virtual time gives the same edges and lines. ValueError if the trace is not whole.
    """
    trace = Trace.load(file)
    for command, seen in (("power_on", "power"), ("cut_power", "cut")):
        done = sum(order.command == command for order in trace.orders)
        happened = sum(seen in boot for boot in trace.boots)
        if happened > done:
            raise ValueError(
                f"{file}: not whole, {command} came {happened} times and only {done} by board.do"
            )
    offset_us = trace.options.pop("ticks_offset_us")
    board = VirtualBoard(folder, **trace.options)
    board.world, board.ticks_offset_us = trace.new_world(), offset_us
    for t, command, arguments in trace.orders:
        run_to(board, t)
        board.do(command, *arguments)
    run_to(board, trace.end_us)
    return board


def run_to(board: VirtualBoard, t_us: int) -> None:
    board.run_for((t_us - board.now_us + 0.5) / 1000)  # half a microsecond, lest rounding take a whole one
