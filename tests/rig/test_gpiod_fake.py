"""The fake of the package gpiod has the real one's signatures; and the rig without a kernel's GPIO says so."""

import inspect

import gpiod
import pytest

from hil.errors import RigFault
from hil.gpiod import GpiodRig
from tests.rig.fake_gpiod import FakeChip, FakeRequest

_LINES = ["get_value", "set_value", "wait_edge_events", "read_edge_events", "release"]


def parameters(function) -> list[tuple]:
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("name", _LINES)
def test_a_request_of_lines_is_as_the_real_one(name):
    assert parameters(getattr(FakeRequest, name)) == parameters(getattr(gpiod.LineRequest, name))


def test_lines_are_requested_as_of_the_real_one():
    _, *ours = parameters(FakeChip.request_lines)
    assert ours == parameters(gpiod.request_lines)


def test_the_fake_offers_nothing_else_to_the_rig():
    public = {name for name in vars(FakeRequest) if not name.startswith("_")}
    assert public == {*_LINES, "edge"}  # `edge` is for the fake chip


def test_a_chip_that_is_not_there():
    with pytest.raises(RigFault, match="/dev/no-such-chip"):
        GpiodRig("/dev/no-such-chip", keys={"PWR_SW1": 1}, sense={"LED_STATE": 2})
