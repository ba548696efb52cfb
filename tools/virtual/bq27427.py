"""Register-level model of the BQ27427 fuel gauge (SLUSEB5, SLUUCD5). Runs on MicroPython and CPython.

It is in NORMAL mode: a board that is on draws more than the 10 mA under which it would sleep and measure less often.
"""

ADDRESS = 0x55

_CONTROL, _TEMPERATURE, _VOLTAGE, _FLAGS, _CURRENT, _SOC, _DIE = 0x00, 0x02, 0x04, 0x06, 0x10, 0x1C, 0x1E
_KEPT = {_VOLTAGE: "voltage", _FLAGS: "flags", _CURRENT: "current", _SOC: "soc"}
_CONTROL_STATUS, _DEVICE_TYPE, _SET_CFGUPDATE, _RESET, _SOFT_RESET = 0x0000, 0x0001, 0x0013, 0x0041, 0x0042
_INITCOMP, _WDRESET = 0x0080, 0x4000
_ITPOR, _CFGUPMODE, _BAT_DET = 0x0020, 0x0010, 0x0008

_PERIOD_US = 1_000_000
_POWER_UP_US = 250_000  # until it answers
_BUS_FREE_US = 66
_PACE_US = 1_000_000  # in which each standard command may come twice
_DIE_OVER_CELL_C = 3.0  # it sits on the board, not on the cell


class Bq27427:
    """The part on its cell; `state` is kept by the world, in a form that JSON can carry."""

    stretch_us = 4000  # the longest it may be, in each packet

    def __init__(self, world, state):
        self._world = world
        self.state = state

    def power_on(self, now_us):
        """Everything is forgotten, the configuration in RAM too."""
        self.state.clear()
        self.state.update(
            {"control": 0, "status": 0, "flags": _ITPOR | _BAT_DET, "asked": [], "free_us": now_us}
        )
        self.state["ready_us"] = now_us + _POWER_UP_US
        self._measure(now_us)

    def tick(self, now_us):
        """Measure, if it is time."""
        if now_us >= self.state["at_us"] + _PERIOD_US:
            self._measure(now_us)

    def next_us(self):
        return None

    alert = False  # GPOUT is not wired to the event line

    def begin(self, now_us):
        """An access to it begins: True if it listens."""
        self.tick(now_us)
        return now_us >= self.state["ready_us"] and now_us - self.state["free_us"] >= _BUS_FREE_US

    def end(self, now_us):
        """The access has ended: so long the bus has to stay free from now on."""
        self.state["free_us"] = now_us

    def read(self, register, buf, wrong):
        if register != _CONTROL and not self._within_pace(register):
            self._watchdog_reset()
        word = 0
        for i in range(len(buf)):
            if not i or not (register + i) & 1:
                word = self._word((register + i) & ~1, wrong)
            buf[i] = word >> 8 if (register + i) & 1 else word & 0xFF

    def write(self, register, data):
        """True if it acknowledged."""
        if register == _CONTROL and len(data) == 2:
            self._control(data[0] | data[1] << 8)
        return register in (_CONTROL, _TEMPERATURE)

    def _control(self, command):
        self.state["control"] = command
        if command == _SET_CFGUPDATE:
            self.state["flags"] |= _CFGUPMODE
        elif command == _SOFT_RESET:
            self.state["flags"] &= ~(_CFGUPMODE | _ITPOR)
        elif command == _RESET:
            self.power_on(self._world.now_us)

    def _within_pace(self, command):
        """Of each command it keeps when it came last and last but one: a third within a second is too many."""
        now_us = self._world.now_us
        for asked in self.state["asked"]:
            if asked[0] == command:
                first_us, asked[1], asked[2] = asked[1], asked[2], now_us
                return now_us - first_us >= _PACE_US
        self.state["asked"].append([command, -_PACE_US, now_us])
        return True

    def _watchdog_reset(self):
        self.power_on(self._world.now_us)
        self.state["status"] |= _WDRESET

    def _word(self, register, wrong):
        if register == _CONTROL:
            if self.state["control"] == _DEVICE_TYPE:
                return 0x0421 if wrong else 0x0427  # a BQ27421
            return self.state["status"] | _INITCOMP
        if register in (_TEMPERATURE, _DIE):
            return int((self._world.temp_c + _DIE_OVER_CELL_C + 273.15) * 10)
        return self.state.get(_KEPT.get(register), 0) & 0xFFFF

    def _measure(self, now_us):
        self.state["voltage"] = int(self._world.cell_mv() + 0.5)
        self.state["soc"] = int(self._world.soc_pct() + 0.5)
        # discharging ought to be negative: the CC Gain in its ROM has the wrong sign
        self.state["current"] = int(self._world.load_a() * 1000)
        self.state["at_us"] = now_us
