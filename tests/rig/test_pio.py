"""The PIO programs' machine code on an emulator of the PIO: what the simulated bench claims of them is true of them."""

import json
import os
import subprocess
from collections import deque
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import pytest
from pioemu import State, emulate  # type: ignore[import-untyped]

from hil.pico.pins import CAPTURE_BASE, CAPTURE_COUNT, SIGNALS
from hil.sim import HERE
from tests.conftest import ROOT
from tools.virtual.interpreter import MICROPYTHON

_ALL = (1 << CAPTURE_COUNT) - 1
_FIRST_TICK = 0xFFFFFFFF
_LOOK = 8  # cycles


class Code(NamedTuple):
    words: list[int]
    first: int
    last: int


@pytest.fixture(scope="session")
def programs() -> dict[str, Code]:
    """As MicroPython assembles them, inside MicroPython."""
    script = (
        "import json; from hil.pico import programs as p; "
        "print(json.dumps({x.name: (x.words, x.first, x.last) for x in (p.edges, p.pulses)}))"
    )
    env = {**os.environ, "MICROPYPATH": f"{HERE}:{ROOT}:.frozen"}
    run = subprocess.run([*MICROPYTHON, "-c", script], env=env, capture_output=True, text=True, check=True)
    return {name: Code(*code) for name, code in json.loads(run.stdout).items()}


def watch(
    code: Code, pins: Callable[[int], int], cycles: int, drained: bool = True
) -> Iterator[tuple[int, int]]:
    """The words that `edges` gives for pins that are `pins(cycle)`; the FIFO is emptied at once, or never."""

    def look(state: State) -> int:
        return pins(state.clock)

    run = emulate(
        code.words, stop_when=lambda _, state: state.clock >= cycles, input_source=look,
        shift_isr_right=False, wrap_target=code.first, wrap_top=code.last,
    )  # fmt: skip
    fifo: deque = deque()
    for _, state in run:
        fifo = state.receive_fifo
        while drained and len(fifo) >= 2:
            yield fifo.popleft(), fifo.popleft()
    while len(fifo) >= 2:
        yield fifo.popleft(), fifo.popleft()


def test_all_watched_pins_are_looked_at(programs):
    """The program has their number as a constant of its own."""
    (count,) = [word & 31 for word in programs["edges"].words if word & 0xFFE0 == 0x4000]
    assert count == CAPTURE_COUNT
    assert all(CAPTURE_BASE <= gpio < CAPTURE_BASE + CAPTURE_COUNT for gpio in SIGNALS.values())


def test_the_programs_fit_into_one_pio_block(programs):
    assert len(programs["edges"].words) + len(programs["pulses"].words) <= 32


def test_the_first_word_tells_the_levels(programs):
    assert list(watch(programs["edges"], lambda cycle: 0b1010, 400)) == [(0b1010, _FIRST_TICK - 1)]


# cycles between two changes, in looks; two of them are taken by the way through a change
@pytest.mark.parametrize("looks", [2, 3, 5, 50])
def test_the_ticks_count_on_through_changes(programs, looks):
    changes = list(watch(programs["edges"], lambda cycle: cycle // (_LOOK * looks) & 1, _LOOK * looks * 20))
    ticks = [_FIRST_TICK - tick for _, tick in changes]
    assert [word for word, _ in changes] == [i & 1 for i in range(len(changes))]
    assert {b - a for a, b in pairwise(ticks[1:])} == {looks}
    assert len(changes) >= 18


def test_each_change_is_seen_within_a_tick_of_its_time(programs):
    """Edges at any cycle, of any pin: the declared resolution of 1 us, and nothing drifts."""
    times = [97 + i * 211 + i * i % 13 for i in range(40)]  # cycles
    masks = [1 << i % CAPTURE_COUNT for i in range(40)]

    def pins(cycle: int) -> int:
        word = 0
        for time, mask in zip(times, masks, strict=True):
            word ^= mask if cycle >= time else 0
        return word & _ALL

    _, *changes = watch(programs["edges"], pins, 10_000)
    assert len(changes) == len(times)
    lags = [(_FIRST_TICK - tick) - time / _LOOK for (_, tick), time in zip(changes, times, strict=True)]
    assert max(lags) - min(lags) <= 1.0 + 1 / _LOOK, lags
    assert min(lags) >= -1 and max(lags) <= 2


def test_two_pins_at_once_are_one_change(programs):
    _, *changes = watch(programs["edges"], lambda cycle: 0b11 if cycle > 100 else 0, 1000)
    assert [word for word, _ in changes] == [0b11]


def test_a_full_fifo_stops_the_ticks_and_keeps_the_pairs(programs):
    """What FDEBUG.RXSTALL tells: from here on the ticks are not the time."""
    changes = list(watch(programs["edges"], lambda cycle: cycle // 100 & 1, 5000, drained=False))
    assert [word for word, _ in changes] == [0, 1]  # 4 words fit (8 with the FIFOs joined), two changes
    assert all(tick > 0xFFFF0000 for _, tick in changes)


def play(code: Code, events: list[tuple[int, bool]]) -> list[tuple[int, int]]:
    """(cycle, driven) of each change of the pin's direction, for words (cycles until then, less the overhead)."""
    words = deque([cycles | drives << 31 for cycles, drives in events])
    total = sum(cycles + 4 for cycles, _ in events)
    initial = State(transmit_fifo=words)
    run = emulate(
        code.words, stop_when=lambda _, state: state.clock > total + 8, initial_state=initial,
        out_base=0, out_count=1, wrap_target=code.first, wrap_top=code.last,
    )  # fmt: skip
    changes = []
    for before, after in run:
        if before.pin_directions & 1 != after.pin_directions & 1:
            changes.append((after.clock, after.pin_directions & 1))
    return changes


@pytest.mark.parametrize("cycles", [0, 1, 7, 996])
def test_a_pulse_is_as_long_as_it_was_ordered(programs, cycles):
    (begin, driven), (end, let_go) = play(programs["pulses"], [(10, True), (cycles, False)])
    assert (driven, let_go) == (1, 0)
    assert begin == 10 + 4
    assert end - begin == cycles + 4  # the overhead that hil/pico/programs.py names
