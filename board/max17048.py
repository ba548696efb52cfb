"""The MAX17048 fuel gauge (datasheet 19-6171): I2C 0x36, 16-bit registers, big-endian."""

from machine import I2C, Pin
from micropython import const

from board.errors import SensorError

_ADDRESS = const(0x36)
_VCELL = const(0x02)  # LSB 78.125 uV = 5/64 mV
_SOC = const(0x04)  # LSB 1/256 %
_VERSION = const(0x08)  # 0x001x; the lowest digit is the production version
_LOWEST_MV = const(2500)
_HIGHEST_MV = const(4500)


class Max17048:
    def __init__(self, pins):
        self._i2c = I2C(pins.I2C_ID, scl=Pin(pins.I2C_SCL), sda=Pin(pins.I2C_SDA), freq=100_000)
        self._word = bytearray(2)

    def _read(self, register):
        try:
            self._i2c.readfrom_mem_into(_ADDRESS, register, self._word)
        except OSError as error:
            raise SensorError(f"gauge: no answer from 0x{_ADDRESS:02x}: {error}") from None
        return self._word[0] << 8 | self._word[1]

    def read(self):
        """(cell voltage in mV, state of charge in %). SensorError if it can't be had or can't be true."""
        raw = self._read(_VCELL)
        vbat_mv = (raw * 5 + 32) >> 6
        if not _LOWEST_MV <= vbat_mv <= _HIGHEST_MV:
            raise SensorError(
                f"gauge: VCELL 0x{raw:04x} is {vbat_mv} mV, outside {_LOWEST_MV}..{_HIGHEST_MV} mV"
            )
        return vbat_mv, self._read(_SOC) >> 8

    def identify(self):
        """Raise SensorError unless the part at the address is a MAX17048."""
        version = self._read(_VERSION)
        if version & 0xFFF0 != 0x0010:
            raise SensorError(f"gauge: VERSION 0x{version:04x} is no MAX17048 (0x001x)")
