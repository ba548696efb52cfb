"""The BQ27427 fuel gauge (datasheet SLUSEB5, technical reference SLUUCD5): I2C 0x55, 16 bits, little-endian."""

from time import sleep_us, ticks_diff, ticks_ms

from micropython import const

from board.bus import Part, expect

ADDRESS = const(0x55)

# SLUUCD5 5, Standard Commands
_CONTROL = const(0x00)
_DEVICE_TYPE = const(0x0001)  # a sub-command of Control()
_TEMPERATURE = const(0x02)  # 0.1 K, of its own die unless OpConfig[TempSource] says otherwise
_VOLTAGE = const(0x04)  # mV
_FLAGS = const(0x06)
_AVERAGE_CURRENT = const(0x10)  # mA, signed
_STATE_OF_CHARGE = const(0x1C)  # %

_FLAGS_ITPOR = const(0x0020)  # 5.4: the configuration in RAM is back at its defaults
# I2C Command Waiting Time, as the BQ27426's datasheet (SLUSC91G) words it: t(BUF) between all packets, and no standard
# command more than twice a second, or its watchdog may reset the part
_BUS_FREE_US = const(66)
_PACE_MS = const(500)


class Bq27427(Part):
    NAME = "BQ27427"

    def __init__(self, i2c):
        super().__init__(i2c, ADDRESS, big=False)
        self.raw = (0, 0)
        self._asked: dict = {}  # command: (when, its answer)

    def identify(self):
        """SensorError unless it is a BQ27427."""
        self.write_word(_CONTROL, _DEVICE_TYPE)
        expect("DEVICE_TYPE", self.read_word(_CONTROL), 0xFFFF, 0x0427)

    def start(self):
        """Nothing: what it measures needs no configuration of ours, which it would lose with its power."""

    def read(self):
        """(cell voltage in mV, state of charge in %). SensorError if not to be had."""
        self.raw = self._ask(_VOLTAGE), self._ask(_STATE_OF_CHARGE)
        return self.raw[0], min(100, self.raw[1])

    def die_decic(self):
        """Temperature of the gauge, not of the cell, in tenths of a degree Celsius."""
        return self._ask(_TEMPERATURE) - 2731

    def current_ma(self):
        """Average current in mA, positive while charging: the sign of CC Gain in its ROM is the wrong way round (TI E2E
        thread 1215460; Zephyr turns it in RAM)."""
        raw = self._ask(_AVERAGE_CURRENT)
        return (raw >> 15 << 16) - raw

    def configuration_lost(self):
        """Whether it lost power since its last configuration."""
        return bool(self._ask(_FLAGS) & _FLAGS_ITPOR)

    def read_word(self, register):
        sleep_us(_BUS_FREE_US)
        return super().read_word(register)

    def write_word(self, register, value):
        sleep_us(_BUS_FREE_US)
        super().write_word(register, value)

    def _ask(self, command):
        """A standard command, or its last answer where it was asked for a moment ago."""
        asked = self._asked.get(command)
        if asked and 0 <= ticks_diff(ticks_ms(), asked[0]) < _PACE_MS:
            return asked[1]
        value = self.read_word(command)
        self._asked[command] = ticks_ms(), value
        return value
