"""A session with the rig's firmware on a simulated Pico."""

import pytest

from hil.pico_rig import PicoRig
from hil.sim import SimulatedPico


@pytest.fixture
def pico():
    """`pico(bench)`: a simulated Pico with that on its wires; the port of its firmware is `.port`."""
    made: list[SimulatedPico] = []

    def make(bench: dict | None = None) -> SimulatedPico:
        made.append(SimulatedPico(bench))
        return made[-1]

    yield make
    for simulated in made:
        words = simulated.end()
        assert not words, words  # nothing went wrong inside


@pytest.fixture
def connect():
    """`connect(port, ...)`: the host end of it."""
    made: list[PicoRig] = []

    def make(port, **options) -> PicoRig:
        made.append(PicoRig(port, **options))
        return made[-1]

    yield make
    for rig in made:
        rig.close()
