"""A life that broke a rule, for a person: in words, as a timing diagram, and as a file to live it again."""

from pathlib import Path

from tests.properties.observed import Broken
from tools.virtual import diagram
from tools.virtual.trace import Trace

_SHOWN = 8
_BEFORE_US, _AFTER_US = 20_000_000, 1_000_000


def text(trace: Trace, broken: list[Broken]) -> str:
    """The first violations, and a diagram of the first of all."""
    t_us = broken[0][0]
    words = [words for _, words in broken[:_SHOWN]]
    more = [f"and {len(broken) - _SHOWN} more"] if len(broken) > _SHOWN else []
    drawn = diagram.text(trace, max(0, t_us - _BEFORE_US), min(t_us + _AFTER_US, trace.end_us), ("LOAD",))
    return "\n".join([*words, *more, drawn])


def kept(trace: Trace, broken: list[Broken], path: Path) -> str:
    """The same, with the trace in a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    trace.save(path)
    return f"{text(trace, broken)}\npython -m tests.properties {path} lives it again"
