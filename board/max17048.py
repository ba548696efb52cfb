"""The MAX17048 fuel gauge (datasheet 19-6171): I2C 0x36, 16-bit registers, big-endian.

It never gets a quick-start, which begins its estimate anew: "most systems should not use" it (Quick-Start).
"""

from micropython import const

from board.bus import Part, expect

ADDRESS = const(0x36)

# Register Summary
_VCELL = const(0x02)  # LSB 78.125 uV = 5/64 mV
# SOC, 0x04: LSB 1/256 %; 0 until the first estimate, 1 s after power-on
_VERSION = const(0x08)  # 0x001x; the lowest digit is the production version
_HIBRT = const(0x0A)  # 0 disables hibernation
_CONFIG = const(0x0C)
_VALRT = const(0x14)  # lowest voltage in the high byte, highest in the low one, LSB 20 mV
_CRATE = const(0x16)  # signed, LSB 0.208 %/h
_STATUS = const(0x1A)

_CONFIG_ALRT = const(0x0020)
_STATUS_ALERTS = const(0x3E00)  # SC, HD, VR, VL, VH
_STATUS_RI = const(0x0100)  # reset indicator: set at power-on
_VALRT_LSB_MV = const(20)


class Max17048(Part):
    NAME = "MAX17048"

    def __init__(self, i2c):
        super().__init__(i2c, ADDRESS, big=True)
        self.raw = (0, 0)  # VCELL and SOC of the last reading, bit for bit
        self._both = bytearray(4)

    def identify(self):
        """SensorError unless it is a MAX17048."""
        expect("VERSION", self.read_word(_VERSION), 0xFFF0, 0x0010)

    def start(self):
        """Keep it out of hibernation, where values come every 45 s instead of every 250 ms: the rules for heat and
        an empty cell look once a second. It costs 20 uA (Features: 23 uA against 3 uA)."""
        self.write_word(_HIBRT, 0)

    def read(self):
        """(cell voltage in mV, state of charge in %, None before its first estimate). SensorError if not to be had."""
        both = self._both
        self.read_into(_VCELL, both)  # SOC comes next: the address counts on (Read Data Protocol)
        vcell, soc = self.raw = both[0] << 8 | both[1], both[2] << 8 | both[3]
        vbat_mv = (vcell * 5 + 32) >> 6
        if soc == 0 and self.read_word(_STATUS) & _STATUS_RI:
            return vbat_mv, None
        return vbat_mv, min(100, soc >> 8)

    def rate_pct_h(self):
        """Change of the charge in %/h, negative while discharging; an estimate, not a current."""
        raw = self.read_word(_CRATE)
        return (raw - (raw >> 15 << 16)) * 0.208

    def set_low_alert_mv(self, mv):
        """Alert under this voltage, in steps of 20 mV; 0 for never."""
        self.write_word(_VALRT, mv // _VALRT_LSB_MV << 8 | self.read_word(_VALRT) & 0xFF)

    def clear_alerts(self):
        """Let go of the alert line. Alerts latch: the causes in STATUS first, then CONFIG.ALRT, which holds it."""
        self.write_word(_STATUS, self.read_word(_STATUS) & ~_STATUS_ALERTS & 0xFFFF)
        self.write_word(_CONFIG, self.read_word(_CONFIG) & ~_CONFIG_ALRT & 0xFFFF)
