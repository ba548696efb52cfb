"""A capture as a timing diagram, on any rig: edges, the device's state as its log tells it, and what was done to it."""

from __future__ import annotations

from collections.abc import Sequence

from hil.capture import Capture, Line
from tools.virtual import diagram, log, svg
from tools.virtual.signals import Signal

Note = tuple[float, str]
MOST_COLUMNS, MOST_NOTES = 12, 16


def lay_out(capture: Capture, lines: Sequence[Line], orders: Sequence[Note]) -> diagram.Diagram:
    """Times are counted from the capture's start."""
    since_us = capture.start_us
    lines = [
        Line(line.t_us - since_us, line.text, line.exact)
        for line in lines
        if since_us <= line.t_us <= capture.end_us
    ]
    told = sorted([(int(t_us - since_us), text) for t_us, text in orders] + diagram.changes(lines))
    signals = _signals(capture, lines)
    always = () if any(len(signal.points) > 1 for signal in signals.values()) else signals
    notes = told[-MOST_NOTES:]
    return diagram.lay_out_signals(
        signals, notes, 0, int(capture.end_us - since_us), always, most=MOST_COLUMNS
    )


def _signals(capture: Capture, lines: Sequence[Line]) -> dict[str, Signal]:
    names = dict.fromkeys([*capture.levels, *(edge.signal for edge in capture.edges)])
    signals = {name: Signal("bit", [(0, capture.levels.get(name, 0))]) for name in names}
    for edge in capture.edges:
        signals[edge.signal].add(int(edge.t_us - capture.start_us), edge.level)
    for signal in signals.values():
        if any(value not in (0, 1) for _, value in signal.points):
            signal.kind = "word"
    state = Signal("text", [(0, "")])
    for line in lines:
        if told := log.change(line.text):
            state.add(int(line.t_us), told.target)
    return signals | ({"state": state} if len(state.points) > 1 else {})


def picture(capture: Capture, lines: Sequence[Line], orders: Sequence[Note]) -> str:
    """As SVG, for a page that has the style."""
    return svg.render(lay_out(capture, lines, orders), style="")


def text(capture: Capture, lines: Sequence[Line], orders: Sequence[Note]) -> str:
    """For a terminal."""
    return diagram.drawn(lay_out(capture, lines, orders))
