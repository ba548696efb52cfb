"""The VCD of a life, read by an independent reader."""

import io

import pytest
from vcd.reader import TokenKind, tokenize

from tools.virtual import vcd
from tools.virtual.signals import signals

CHANGES = {
    TokenKind.CHANGE_SCALAR: lambda token: (token.scalar_change.id_code, int(token.scalar_change.value)),
    TokenKind.CHANGE_VECTOR: lambda token: (token.vector_change.id_code, token.vector_change.value),
    TokenKind.CHANGE_REAL: lambda token: (token.real_change.id_code, token.real_change.value),
    TokenKind.CHANGE_STRING: lambda token: (token.string_change.id_code, token.string_change.value),
}


def read(text: str) -> tuple[dict, dict, int]:
    """({name: (type, size)}, {name: [(time, value)]}, the last time)."""
    names: dict = {}
    variables: dict = {}
    points: dict = {}
    now = -1
    for token in tokenize(io.BytesIO(text.encode())):
        if token.kind is TokenKind.VAR:
            names[token.var.id_code] = token.var.reference
            variables[token.var.reference] = (token.var.type_.value, token.var.size)
        elif token.kind is TokenKind.CHANGE_TIME:
            assert token.time_change > now
            now = token.time_change
        elif token.kind in CHANGES:
            code, value = CHANGES[token.kind](token)
            points.setdefault(names[code], []).append((now, value))
    return variables, points, now


def test_the_reader_sees_every_signal_change(life):
    variables, points, end_us = read(vcd.render(life.trace))
    assert points == {name: signal.points for name, signal in signals(life.trace).items()}
    assert end_us == life.trace.end_us
    assert variables["PWR_SW1"] == ("wire", 1) and variables["LOAD"] == ("wire", 16)
    assert variables["state"] == ("string", 1) and variables["cell_mv"] == ("real", 64)


def test_the_head_says_the_unit_and_the_boards_date(life):
    tokens = {token.kind: token for token in tokenize(io.BytesIO(vcd.render(life.trace).encode()))}
    scale = tokens[TokenKind.TIMESCALE].timescale
    assert (int(scale.magnitude), scale.unit.value) == (1, "us")
    assert tokens[TokenKind.DATE].date == "2026-01-01 00:00:00 UTC"


def test_a_window_begins_with_the_values_that_hold(life):
    start_us, end_us = 10_000_000, 30_000_000
    _, points, last_us = read(vcd.render(life.trace, start_us, end_us))
    assert last_us == end_us
    assert points["state"][0] == (start_us, "RECORD")
    assert [signal for signal, seen in points.items() if seen[0][0] != start_us] == []


@pytest.mark.parametrize("kind", ["vcd", "svg", "txt"])
def test_the_same_life_gives_the_same_bytes(life, kind):
    from tools.virtual.export import WRITERS

    assert WRITERS[f".{kind}"](life.trace, 0) == WRITERS[f".{kind}"](life.trace, 0)
