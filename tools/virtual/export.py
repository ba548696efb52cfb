"""A trace as text of the kind that a file's name asks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools.virtual import diagram, svg, vcd
from tools.virtual.trace import Trace

_MOST_COLUMNS = 300


def kind_of(file: Path) -> str:
    """Its ending. ValueError if there is no writer for it."""
    if file.suffix not in WRITERS:
        raise ValueError(f"{file} must end in one of {', '.join(WRITERS)}")
    return file.suffix


def _text(trace: Trace, start_us: int) -> str:
    return diagram.text(trace, start_us, trace.end_us, most=_MOST_COLUMNS) + "\n"


def _svg(trace: Trace, start_us: int) -> str:
    return svg.render(diagram.lay_out(trace, start_us, trace.end_us, most=_MOST_COLUMNS))


def _whole(trace: Trace, start_us: int) -> str:
    return trace.dumps()


# ending: what makes the text of a trace from `start_us` on
WRITERS: dict[str, Callable[[Trace, int], str]] = {
    ".vcd": vcd.render,
    ".svg": _svg,
    ".txt": _text,
    ".jsonl": _whole,
}
