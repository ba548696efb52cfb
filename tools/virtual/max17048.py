"""Register-level model of the MAX17048 fuel gauge (datasheet 19-6171). Runs on MicroPython and CPython."""

ADDRESS = 0x36

_VCELL, _SOC, _MODE, _VERSION, _CONFIG, _STATUS = 0x02, 0x04, 0x06, 0x08, 0x0C, 0x1A
_WRITABLE = (_MODE, _CONFIG, _STATUS)


def power_on():
    """The part's state after power-on, in a form that JSON can carry."""
    return {
        "registers": [[_MODE, 0x0000], [_VERSION, 0x0012], [_CONFIG, 0x971C], [_STATUS, 0x0100]],
        "frozen": None,
    }


class Max17048:
    """The part on the bus; `state` is kept by the world, as a real one's is by its cell."""

    def __init__(self, world, state):
        self._world = world
        self._state = state
        self._registers = dict(state["registers"])

    def freeze(self):
        """Keep what is measured now, for the fault 'frozen'."""
        self._state["frozen"] = (self._vcell(), self._soc())

    def read(self, register):
        """The 16-bit register, or None where the part does not acknowledge."""
        fault = self._world.gauge_fault
        if fault in ("nack", "stuck_sda"):
            return None
        if fault in ("zeros", "ones"):
            return 0x0000 if fault == "zeros" else 0xFFFF
        if register in (_VCELL, _SOC):
            vcell, soc = self._state["frozen"] if fault == "frozen" else (self._vcell(), self._soc())
            return vcell if register == _VCELL else soc
        return self._registers.get(register, 0x0000)

    def write(self, register, value):
        """True if the part acknowledged."""
        if self._world.gauge_fault in ("nack", "stuck_sda"):
            return False
        if register in _WRITABLE:
            self._registers[register] = value
            self._state["registers"] = [list(item) for item in self._registers.items()]
        return True

    def _vcell(self):
        return int(self._world.cell_mv() / 0.078125 + 0.5)  # LSB 78.125 uV

    def _soc(self):
        return int(self._world.soc_pct() * 256)  # LSB 1/256 %
