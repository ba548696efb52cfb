"""Register-level model of the MAX17048 fuel gauge (datasheet 19-6171). Runs on MicroPython and CPython.

What it measures is kept as of its last conversion, as in the part: a reader sees old values.
"""

ADDRESS = 0x36

_VCELL, _SOC, _MODE, _VERSION, _CRATE, _COMMAND = 0x02, 0x04, 0x06, 0x08, 0x16, 0xFE
_POWER_ON = {"hibrt": 0x8030, "config": 0x971C, "valrt": 0x00FF, "vreset": 0x9600, "status": 0x0100}
_WRITABLE = {0x0A: "hibrt", 0x0C: "config", 0x14: "valrt", 0x18: "vreset", 0x1A: "status"}

_PERIOD_US = 250_000
_HIBERNATE_PERIOD_US = 45_000_000
_QUIET_US = 360_000_000  # so long under the threshold of HIBRT, and it hibernates
_FIRST_SOC_US = 1_000_000
_RATE_LSB = 0.208  # %/h
_ACTIVE_LSB_MV = 1.25

_ALRT, _ATHD = 0x0020, 0x001F
_VL, _HD = 0x0400, 0x1000


class Max17048:
    """The part on its cell; `state` is kept by the world, in a form that JSON can carry."""

    stretch_us = 0

    def __init__(self, world, state):
        self._world = world
        self.state = state
        self._measured: tuple = ()  # (voltage, duty) of the last conversion, if what came of it still holds
        self._active = False
        self._due_us = 0 if "vcell" not in state else state["at_us"] + self._period_us()

    def power_on(self, now_us):
        """Everything is forgotten; the first conversion is there at once, the first estimate of the charge in 1 s."""
        self.state.clear()
        self.state.update(_POWER_ON)
        self.state.update({"on_us": now_us, "active_us": now_us, "soc": None})
        self._measured = ()
        self._measure(now_us)

    def tick(self, now_us):
        """Convert, if it is time."""
        if now_us >= self._due_us:
            self._measure(now_us)

    def next_us(self):
        """When a conversion will change the alert line; None if none will."""
        if (self._world.ocv_mv, self._world.duty) == self._measured:
            return None  # what is measured has not changed, nor what came of it
        return self._due_us if self._due_alerts() & ~self.state["status"] else None

    @property
    def alert(self):
        return bool(self.state["config"] & _ALRT)

    def begin(self, now_us):
        """An access to it begins: True if it listens."""
        self.tick(now_us)
        return True

    def end(self, now_us):
        """The access has ended."""

    def read(self, register, buf, wrong):
        word = 0
        for i in range(len(buf)):
            if not i or not (register + i) & 1:
                word = self._word((register + i) & ~1, wrong)
            buf[i] = word & 0xFF if (register + i) & 1 else word >> 8

    def write(self, register, data):
        """True if it acknowledged."""
        value = data[0] << 8 | data[1] if len(data) == 2 else 0
        if register == _COMMAND and value == 0x5400:
            self.power_on(self._world.now_us)
            return False  # the reset comes before the acknowledgement
        if register in _WRITABLE and len(data) == 2:
            self.state[_WRITABLE[register]] = value
            self._measured = ()
            self._due_us = self.state["at_us"] + self._period_us()
        return True

    def _word(self, register, wrong):
        if register == _VCELL:
            return self.state["vcell"]
        if register == _SOC:
            return self._soc()
        if register == _MODE:
            return 0x1000 if self._period_us() == _HIBERNATE_PERIOD_US else 0
        if register == _VERSION:
            return 0x0003 if wrong else 0x0012  # a MAX17043
        if register == _CRATE:
            return int(-self._world.rate_pct_h() / _RATE_LSB) & 0xFFFF
        return self.state.get(_WRITABLE.get(register), 0)

    def _soc(self):
        if self.state["at_us"] - self.state["on_us"] < _FIRST_SOC_US:
            return 0
        return self.state["soc"]

    def _period_us(self):
        quiet_us = self.state["at_us"] - self.state["active_us"]
        return _HIBERNATE_PERIOD_US if self.state["hibrt"] and quiet_us >= _QUIET_US else _PERIOD_US

    def _measure(self, now_us):
        state, world = self.state, self._world
        if (world.ocv_mv, world.duty) != self._measured:
            self._measured = (world.ocv_mv, world.duty)
            self._convert(state, world)
        if self._active:
            state["active_us"] = now_us
        state["at_us"] = now_us
        self._due_us = now_us + self._period_us()

    def _convert(self, state, world):
        status = state["status"] | self._due_alerts()
        state["vcell"] = _vcell(world)
        state["soc"] = int(world.soc_pct() * 256)
        sag_mv = world.ocv_mv - world.cell_mv()
        self._active = sag_mv > (state["hibrt"] & 0xFF) * _ACTIVE_LSB_MV
        self._active |= world.rate_pct_h() > (state["hibrt"] >> 8) * _RATE_LSB
        if status != state["status"]:
            state["status"] = status
            state["config"] |= _ALRT

    def _due_alerts(self):
        """What the next conversion will raise: too low a voltage, or a charge that falls to its threshold."""
        state, world = self.state, self._world
        alerts = _VL if _vcell(world) < (state["valrt"] >> 8) * 256 else 0  # 20 mV are 256 steps of VCELL
        least = (32 - (state["config"] & _ATHD)) * 256
        if state["soc"] is not None and world.soc_pct() * 256 < least <= state["soc"]:
            alerts |= _HD
        return alerts


def _vcell(world):
    return int(world.cell_mv() / 0.078125 + 0.5)  # LSB 78.125 uV
