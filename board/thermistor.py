"""The cell's thermistor: a 10 k NTC (beta 3950) to ground under a 10 k pull-up to 3.3 V, on an ADC pin."""

from math import log

from machine import ADC, Pin
from micropython import const

from board.faults import fault

_SUPPLY_UV = const(3_300_000)
_PULL_UP_OHM = const(10_000)
_NTC_OHM = const(10_000)  # at 25 C
_BETA = const(3950)
_KELVIN_25 = 298.15
# Outside of this the NTC is open (under -26 C) or short (over 113 C); the ADC measures 0 to 3.1 V (ESP32-S3
# datasheet, ADC characteristics, attenuation 11 dB)
_SHORT_UV = const(150_000)
_OPEN_UV = const(3_100_000)


class Thermistor:
    def __init__(self, pin):
        self._adc = ADC(Pin(pin), atten=ADC.ATTN_11DB)

    def read_decic(self):
        """Temperature in tenths of a degree Celsius. SensorError if the NTC is open or short."""
        uv = self._adc.read_uv()
        if uv > _OPEN_UV:
            raise fault("T01", f"{uv // 1000} mV at the ADC")
        if uv < _SHORT_UV:
            raise fault("T02", f"{uv // 1000} mV at the ADC")
        ohm = _PULL_UP_OHM * uv / (_SUPPLY_UV - uv)
        kelvin = 1 / (1 / _KELVIN_25 + log(ohm / _NTC_OHM) / _BETA)
        return round((kelvin - 273.15) * 10)
