"""The I2C bus of the gauge: freed before it is used, and 16-bit registers on it."""

import errno
from time import sleep_us, ticks_diff, ticks_us

from machine import I2C, Pin
from micropython import const

from board.faults import fault

_FREQ_HZ = const(100_000)
# over the 4 ms that a BQ27427 may stretch the clock, and a part of the 60 ms that the SPL has
_TIMEOUT_US = const(10_000)
_HALF_US = const(5)  # half a clock at 100 kHz
_CLOCKS = const(9)


def open(pins):
    """The bus, ready for use. SensorError B01 or B02 if a line stays low."""
    free(pins)
    return I2C(pins.I2C_ID, scl=Pin(pins.I2C_SCL), sda=Pin(pins.I2C_SDA), freq=_FREQ_HZ, timeout=_TIMEOUT_US)


def free(pins):
    """Make a part let go of SDA, that was reset or disturbed in the middle of a byte (UM10204 3.1.16, Bus clear).

    It waits for clocks to send the rest, at most nine; START and STOP then end its transfer. SCL that is held low can't
    be clocked: only the part's power or reset helps.
    """
    scl = Pin(pins.I2C_SCL, Pin.OPEN_DRAIN, Pin.PULL_UP, value=1)
    sda = Pin(pins.I2C_SDA, Pin.OPEN_DRAIN, Pin.PULL_UP, value=1)
    _rise(scl)
    if sda.value():
        return
    for _ in range(_CLOCKS):
        scl.value(0)
        sleep_us(_HALF_US)
        _rise(scl)
        if sda.value():
            break
    else:
        raise fault("B01", f"still low after {_CLOCKS} clocks")
    for level in (0, 1):  # START, STOP
        sda.value(level)
        sleep_us(_HALF_US)


def _rise(scl):
    """Let SCL go; a part may stretch the clock for a while."""
    scl.value(1)
    start = ticks_us()
    while not scl.value():
        if ticks_diff(ticks_us(), start) > _TIMEOUT_US:
            raise fault("B02", f"still low after {_TIMEOUT_US // 1000} ms")
    sleep_us(_HALF_US)


class Part:
    """A part on the bus with registers of 16 bits, `big`-endian or little."""

    def __init__(self, i2c, address, big):
        self._i2c, self._address, self._big = i2c, address, big
        self._buffer = bytearray(2)

    def read_word(self, register):
        """The register's 16 bits. Errors as `read_into`."""
        self.read_into(register, self._buffer)
        first, second = self._buffer
        return first << 8 | second if self._big else second << 8 | first

    def read_into(self, register, buffer):
        """The bytes from a register on. SensorError G01 if the part does not acknowledge, B03 if it breaks off."""
        try:
            self._i2c.readfrom_mem_into(self._address, register, buffer)
        except OSError as error:
            raise self._broken(error, register) from None

    def write_word(self, register, value):
        """Errors as `read_into`."""
        high, low = value >> 8, value & 0xFF
        self._buffer[0], self._buffer[1] = (high, low) if self._big else (low, high)
        try:
            self._i2c.writeto_mem(self._address, register, self._buffer)
        except OSError as error:
            raise self._broken(error, register) from None

    def _broken(self, error, register):
        where = f"0x{self._address:02x}, register 0x{register:02x}"
        if error.errno == errno.ENODEV:
            return fault("G01", f"{where} does not acknowledge")
        return fault("B03", f"{where}: error {error.errno}")


def expect(name, value, mask, wanted):
    """SensorError unless the identity `value` of a part is the `wanted` one."""
    if value in (0x0000, 0xFFFF):
        raise fault("G03", f"{name} is 0x{value:04x}")
    if value & mask != wanted:
        raise fault("G02", f"{name} is 0x{value:04x}, not 0x{wanted:04x}")
