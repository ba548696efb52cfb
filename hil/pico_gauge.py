"""What the emulated gauges have to hold in their registers for a cell of so many millivolts and degrees."""

from __future__ import annotations

import math

from hil.errors import MisuseError
from tools.virtual.wiring import DIVIDER_OHM, NTC_BETA, NTC_KELVIN, NTC_OHM

_EMPTY_MV, _FULL_MV = 3000, 4200  # as the virtual board's cell
_VCELL_UV = 78.125  # MAX17048: LSB of VCELL
_ZERO_DECIK = 2731.5


class GaugeWords:
    """The words (register, value) that a change means for the gauge that is fitted."""

    def __init__(self) -> None:
        self.kind = "max17048"
        self._mv, self._c = 3900, 25.0

    def fit(self, kind: str) -> list[tuple[int, int]]:
        self.kind = kind
        return self.all()

    def battery_mv(self, mv: int) -> list[tuple[int, int]]:
        if not 0 <= mv <= 5000:
            raise MisuseError(f"a cell of {mv} mV, 0 to 5000 can be")
        self._mv = mv
        return self.all()

    def temp_c(self, c: float) -> list[tuple[int, int]]:
        self._c = c
        return self.all()

    def all(self) -> list[tuple[int, int]]:
        soc_pct = min(100.0, max(0.0, (self._mv - _EMPTY_MV) * 100 / (_FULL_MV - _EMPTY_MV)))
        if self.kind == "max17048":
            return [(0x02, min(0xFFFF, round(self._mv * 1000 / _VCELL_UV))), (0x04, int(soc_pct * 256))]
        decik = round(self._c * 10 + _ZERO_DECIK)
        return [(0x02, decik), (0x04, self._mv), (0x1C, round(soc_pct)), (0x1E, decik)]


def thermistor_duty(c: float) -> int:
    """Of 65535: the share of the supply that a divider with the NTC at that temperature gives."""
    if not -40 <= c <= 125:
        raise MisuseError(f"a temperature of {c} C, -40 to 125 can be")
    ohm = NTC_OHM * math.exp(NTC_BETA * (1 / (c + 273.15) - 1 / NTC_KELVIN))
    return round(65535 * ohm / (ohm + DIVIDER_OHM))
