"""A timing diagram of the window that matters: a column from each edge to the next, whatever the time between.

s        0.000  1.000   2.500   2.600   3.000
                +1.000  +1.500  +0.100
PWR_SW1  ▔▔▔▔▔▔▔\\▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁/▔▔▔▔▔▔▔│
state     OFF   │SPL    │IDLE           │
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from tools.virtual import log
from tools.virtual.signals import Signal, signals
from tools.virtual.trace import Trace

MOST_COLUMNS = 10
_CHATTER_US = 10_000  # a contact that goes back and forth faster than this is drawn as one edge


@dataclass
class Row:
    name: str
    kind: str
    values: list  # one a column


@dataclass
class Diagram:
    """`notes`: [(time, text)] of orders and changes of state; `steady`: {name: value} of signals that did not move."""

    columns_us: list[int]
    end_us: int
    rows: list[Row]
    steady: dict[str, int | float | str]
    notes: list[tuple[int, str]]


def lay_out(
    trace: Trace, start_us: int, end_us: int, always: Iterable[str] = (), most: int = MOST_COLUMNS
) -> Diagram:
    """Of what happened to a virtual board: see `lay_out_signals`."""
    return lay_out_signals(signals(trace), _happened(trace), start_us, end_us, always, most)


def lay_out_signals(
    of: Mapping[str, Signal], notes: list[tuple[int, str]], start_us: int, end_us: int,
    always: Iterable[str] = (), most: int = MOST_COLUMNS,
) -> Diagram:  # fmt: skip
    """The last `most` columns before `end_us`; the signals that move in them, and those of `always`."""
    window = {name: _settled(signal.within(start_us, end_us)) for name, signal in of.items()}
    edges_us = {t for signal in window.values() if signal.kind != "real" for t, _ in signal.points[1:]}
    every_us = _apart(sorted({start_us, *edges_us}))
    columns_us = every_us[-most:]
    rows, steady = [], {}
    for name, signal in window.items():
        values = [signal.at(t) for t in columns_us]
        if len({*values}) > 1 or name in always:
            rows.append(Row(name, signal.kind, values))
        else:
            steady[name] = values[0]
    shown_us = start_us if columns_us == every_us else columns_us[0]
    shown = [note for note in notes if shown_us <= note[0] <= end_us]
    return Diagram(columns_us, end_us, rows, steady, shown)


def _apart(times_us: list[int]) -> list[int]:
    """Of times that follow each other within a millisecond, as exact as the log's are, the last."""
    return [t for t, after in zip(times_us, [*times_us[1:], 1 << 62], strict=True) if after - t >= 1000]


def _settled(signal: Signal) -> Signal:
    """Without the chatter after a bit's edge."""
    if signal.kind != "bit":
        return signal
    kept = signal.points[:1]
    for (t, value), (next_us, _) in zip(signal.points[1:], [*signal.points[2:], (1 << 62, 0)], strict=False):
        chatters = t - kept[-1][0] < _CHATTER_US and next_us - t < _CHATTER_US
        if value != kept[-1][1] and not chatters:
            kept.append((t, value))
    return Signal(signal.kind, kept)


def _happened(trace: Trace) -> list[tuple[int, str]]:
    """Orders and changes of state, in order of time."""
    orders = [(order.t, " ".join([order.command, *map(str, order.arguments)])) for order in trace.orders]
    return sorted(orders + changes(trace.lines))


def changes(lines: Iterable[tuple[float, str, bool]]) -> list[tuple[int, str]]:
    """The changes of state that these lines of a log tell: (time, text, whether the time is exact)."""
    return [
        (int(t_us), f"{'' if exact else 'about '}{told.source} -> {told.target} ({told.trigger})")
        for t_us, text, exact in lines
        if (told := log.change(text))
    ]


# -- as text


def text(
    trace: Trace, start_us: int, end_us: int, always: Iterable[str] = (), most: int = MOST_COLUMNS
) -> str:
    """For a terminal."""
    return drawn(lay_out(trace, start_us, end_us, always, most))


def drawn(diagram: Diagram) -> str:
    """The same of a diagram that is laid out."""
    times = [f"{t / 1e6:.3f}" for t in diagram.columns_us]
    steps = ["", *(f"+{(b - a) / 1e6:.3f}" for a, b in pairwise(diagram.columns_us))]
    cells = [[f" {shown(value)}" for value in row.values] for row in diagram.rows if row.kind != "bit"]
    widths = [max(map(len, column)) + 2 for column in zip(times, steps, *cells, strict=True)]
    margin = max(len(row.name) for row in [*diagram.rows, Row("s", "", [])]) + 2
    lines = [_line(name, entries, widths, margin) for name, entries in (("s", times), ("", steps))]
    lines[0] += f"{diagram.end_us / 1e6:.3f}"
    lines += [_line(row.name, _drawn(row, widths), widths, margin) + "│" for row in diagram.rows]
    lines.append("steady: " + ", ".join(f"{name} {shown(value)}" for name, value in diagram.steady.items()))
    lines += [f"{t / 1e6:12.3f}  {note}" for t, note in diagram.notes]
    return "\n".join(line.rstrip() for line in lines)


def _line(name: str, entries: Iterable[str], widths: list[int], margin: int) -> str:
    return name.ljust(margin) + "".join(e.ljust(w) for e, w in zip(entries, widths, strict=True))


def _drawn(row: Row, widths: list[int]) -> list[str]:
    """Of each column what fills it; an edge takes the first place."""
    drawn = []
    for value, before, width in zip(row.values, [row.values[0], *row.values], widths, strict=False):
        if row.kind == "bit":
            line = "▔" if value else "▁"
            drawn.append((line if value == before else "/" if value else "\\") + line * (width - 1))
        elif value != before or not drawn:
            drawn.append(("│" if drawn else " ") + shown(value))
        else:
            drawn.append("")
    return drawn


def shown(value: int | float | str) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
