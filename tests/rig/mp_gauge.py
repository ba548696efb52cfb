"""The rig's emulated gauges, read by the device's own drivers over the simulated bus: the rig's firmware, no less."""

import sys

sys.path.insert(0, "hil/sim")  # `machine` and `time` of the simulated Pico, for the drivers too

import machine

from board.bq27427 import Bq27427
from board.errors import SensorError
from board.max17048 import Max17048
from hil.frames import FAULTS
from hil.pico.gauge import Gauge

MAX17048, BQ27427 = 1, 2
VCELL_3700 = 47360  # 3700 mV / 78.125 uV


def fitted(number):
    gauge = Gauge()
    gauge.fit(number)
    driver = (Max17048 if number == MAX17048 else Bq27427)(machine.I2C(0))
    return gauge, driver


def code(act):
    """The fault code that it ends with, "" for none."""
    try:
        act()
    except SensorError as error:
        return error.code
    return ""


def fail(gauge, kind, argument=0):
    gauge.fault(FAULTS.index(kind), argument)


def test_the_driver_identifies_and_reads_the_max17048():
    gauge, driver = fitted(MAX17048)
    driver.identify()
    assert driver.read() == (3900, 75)
    gauge.set([(0x02, VCELL_3700), (0x04, 58 << 8)])
    assert driver.read() == (3700, 58)


def test_the_driver_identifies_and_reads_the_bq27427():
    _, driver = fitted(BQ27427)
    driver.identify()
    assert driver.read() == (3900, 75)
    assert driver.die_decic() == 250
    assert driver.configuration_lost()


def test_what_the_driver_writes_stays():
    _, driver = fitted(MAX17048)
    driver.start()
    driver.set_low_alert_mv(3400)
    assert driver.read_word(0x0A) == 0
    assert driver.read_word(0x14) == 170 << 8 | 0xFF


def test_a_word_changes_between_reads_only():
    """A new word waits until the gauge is addressed: not one half of it shows in a read that is under way."""
    gauge, driver = fitted(MAX17048)
    driver.read_word(0x02)
    target = machine.targets[0x36]  # type: ignore[attr-defined]
    target._put(b"\x02")
    target._event(target.IRQ_ADDR_MATCH_READ)
    first = target._memory[0x02]
    gauge.set([(0x02, 0x1234)])
    assert (first, target._memory[0x03]) == (0xC3, 0x00)
    assert driver.read_word(0x02) == 0x1234


def test_control_answers_what_it_was_asked():
    _, driver = fitted(BQ27427)
    for asked, answer in ((0x0001, 0x0427), (0x0002, 0x0202), (0x0000, 0x0080), (0x0001, 0x0427)):
        driver.write_word(0x00, asked)
        assert driver.read_word(0x00) == answer


def test_a_reset_that_the_device_orders():
    gauge, driver = fitted(MAX17048)
    gauge.set([(0x02, VCELL_3700)])
    driver.start()
    driver.write_word(0xFE, 0x5400)
    gauge.poll()
    assert driver.read_word(0x0A) == 0x8030 and driver.read_word(0x1A) == 0x0100


def test_each_fault_is_what_the_driver_finds():
    found: dict = {}
    for kind in ("nack", "stuck_sda", "stuck_scl", "wrong_part"):
        for number in (MAX17048, BQ27427):
            gauge, driver = fitted(number)
            fail(gauge, kind)
            found.setdefault(kind, []).append(code(driver.identify))
            fail(gauge, "")
            assert code(driver.identify) == "" and driver.read() == (3900, 75), kind
            gauge.fit(0)
    assert found["nack"] == ["G01", "G01"]
    assert found["stuck_sda"] == found["stuck_scl"] == ["B03", "B03"]
    assert found["wrong_part"] == ["G02", "G02"], found


def test_zeros_ones_and_a_gauge_that_stands_still():
    gauge, driver = fitted(MAX17048)
    fail(gauge, "zeros")
    assert driver.read_word(0x02) == 0
    fail(gauge, "ones")
    assert driver.read_word(0x02) == 0xFFFF
    fail(gauge, "frozen")
    gauge.set([(0x02, VCELL_3700)])
    assert driver.read_word(0x02) == 0xFFFF
    fail(gauge, "")
    assert driver.read_word(0x02) == VCELL_3700


def test_it_wakes_after_its_time():
    from time import sleep_us

    gauge, driver = fitted(MAX17048)
    fail(gauge, "waking", 3000)
    gauge.poll()
    assert code(driver.identify) == "G01"
    sleep_us(4000)
    gauge.poll()
    assert code(driver.identify) == ""


def test_a_stretch_takes_its_time():
    from time import ticks_diff, ticks_us

    gauge, driver = fitted(MAX17048)
    fail(gauge, "stretch", 2000)
    start = ticks_us()
    driver.read_word(0x02)
    assert 4000 <= ticks_diff(ticks_us(), start) < 20_000  # at the register's address, and at the read


def test_too_many_words_are_refused():
    gauge, _ = fitted(MAX17048)
    for words in ([(0x02, 0)] * 33,):
        try:
            gauge.set(words)
        except ValueError as error:
            assert "33 words" in str(error)
        else:
            raise AssertionError("33 words fit")
