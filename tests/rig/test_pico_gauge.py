"""What the host writes into the emulated gauges, against the drivers' reckoning and the virtual board's world."""

import pytest

from hil.errors import MisuseError
from hil.pico_gauge import GaugeWords, thermistor_duty
from tools.virtual.board import World
from tools.virtual.wiring import DIVIDER_UV


@pytest.mark.parametrize("mv", [0, 3000, 3399, 3400, 3401, 3600, 4100, 4200])
def test_the_driver_reads_the_voltage_that_was_set(mv):
    words = GaugeWords()
    assert (dict(words.battery_mv(mv))[0x02] * 5 + 32) >> 6 == mv  # as board/max17048.py
    words.fit("bq27427")
    assert dict(words.all())[0x04] == mv


@pytest.mark.parametrize("c", [-20, 0, 25, 54.9, 55, 69, 80])
def test_the_thermistor_is_the_virtual_boards(c):
    world = World()
    world.temperature_c(c)
    assert thermistor_duty(c) / 65535 * DIVIDER_UV == pytest.approx(world.thermistor_uv(), abs=60)


def test_the_charge_is_the_virtual_boards():
    world = World()
    world.battery_mv(3700)
    assert dict(GaugeWords().battery_mv(3700))[0x04] >> 8 == int(world.soc_pct())


@pytest.mark.parametrize("act", [lambda: GaugeWords().battery_mv(6000), lambda: thermistor_duty(300)])
def test_what_no_cell_has_is_refused(act):
    with pytest.raises(MisuseError):
        act()
