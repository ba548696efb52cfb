"""Value change dump (IEEE 1364-2005, clause 18), as GTKWave and other viewers of waves open it.

The names of states and of power are strings, as GTKWave has them: the standard knows bits and reals only.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from tools.virtual.signals import Signal, signals
from tools.virtual.trace import Trace

# kind of signal: (type and size of the variable, how a value is written before its code)
_KINDS = {
    "bit": ("wire 1", "{:d}"),
    "word": ("wire 16", "b{:b} "),
    "real": ("real 64", "r{!r} "),
    "text": ("string 1", "s{} "),
}
_FIRST_CODE = 33  # "!", the first character that may name a variable


def render(trace: Trace, start_us: int = 0, end_us: int | None = None) -> str:
    """The signals of a trace between two times of its world."""
    end_us = trace.end_us if end_us is None else end_us
    named = {name: signal.within(start_us, end_us) for name, signal in signals(trace).items()}
    begun = datetime.fromtimestamp(trace.options["utc_s"] + start_us // 1_000_000, UTC)
    lines = [f"$date {begun:%Y-%m-%d %H:%M:%S} UTC $end", "$version fieldrec $end", "$timescale 1 us $end"]
    return "\n".join([*lines, *_declarations(named), *_changes(named, end_us), ""])


def _declarations(named: dict[str, Signal]) -> Iterator[str]:
    yield "$scope module board $end"
    for code, (name, signal) in enumerate(named.items(), _FIRST_CODE):
        yield f"$var {_KINDS[signal.kind][0]} {chr(code)} {name} $end"
    yield from ("$upscope $end", "$enddefinitions $end")


def _changes(named: dict[str, Signal], end_us: int) -> Iterator[str]:
    """Every variable's value at the start, each change at its time, and the time of the end."""
    changes = sorted(
        (t_us, code, _KINDS[signal.kind][1].format(value) + chr(code))
        for code, signal in enumerate(named.values(), _FIRST_CODE)
        for t_us, value in signal.points
    )
    first = changes[: len(named)]
    now_us = first[0][0]
    yield from (f"#{now_us}", "$dumpvars", *(change for _, _, change in first), "$end")
    for t_us, _, change in changes[len(named) :]:
        if t_us != now_us:
            now_us = t_us
            yield f"#{t_us}"
        yield change
    if end_us != now_us:
        yield f"#{end_us}"
