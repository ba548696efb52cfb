"""A session with the rig's firmware on a simulated Pico."""

import pytest

from hil.pico_rig import PicoRig
from hil.sim import SimulatedPico
from hil.timebase import Limits

PATIENT = Limits(uncertainty_us=100_000)  # the simulated one answers when the host has time for it


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

    def make(port, limits=PATIENT, **options) -> PicoRig:
        made.append(PicoRig(port, limits=limits, **options))
        return made[-1]

    yield make
    for rig in made:
        rig.close()
