"""The two wires of the I2C bus, the gauge on them, and what can be wrong. Runs on MicroPython and CPython.

The wires are open-drain: the board pulls them by its pins, the gauge by being in the middle of a byte.
"""

import sys

PARTS = {"max17048": "Max17048", "bq27427": "Bq27427"}  # module: class; only what is fitted takes memory

# fault: how often (or how long) it holds unless that is said; 0 is for ever
FAULTS = {
    "": 0,
    "nack": 0,
    "waking": 2,  # accesses that are not acknowledged before it is awake
    "zeros": 0,
    "ones": 0,
    "frozen": 0,
    "wrong_part": 0,
    "bus_error": 0,  # reads that break off after a byte, which leaves SDA low for the rest of the next
    "stuck_sda": 0,  # clocks on SCL until SDA is let go
    "stuck_scl": 0,
}
_REST_CLOCKS = 7
_EIO, _ENODEV, _ETIMEDOUT = 5, 19, 116


def factory():
    """The state at first: a MAX17048 that has been on its cell for long."""
    return {"gauge": "max17048", "fault": "", "left": 0, "held": 0, "synced": True, "part": None}


class Bus:
    """`state` is kept by the world, in a form that JSON can carry.

    fault, left   what is wrong, and for how many more times (0: for ever)
    held          clocks until the part lets go of SDA; -1 for ever
    synced        False until a STOP ends the transfer that the part is in the middle of
    """

    def __init__(self, world, state):
        self._world = world
        self._state = state
        self._pulls = {"sda": 1, "scl": 1}  # what the board's pins do; 1 is letting go
        self._make()

    def _make(self):
        new = self._state["part"] is None
        if new:
            self._state["part"] = {}
        module = self._module()
        self._address = module.ADDRESS
        self.part = getattr(module, PARTS[self._state["gauge"]])(self._world, self._state["part"])
        if new:
            self.part.power_on(self._world.now_us - 10_000_000)

    def _module(self):
        __import__(self._state["gauge"])
        return sys.modules[self._state["gauge"]]

    def fit(self, gauge):
        """Solder another gauge on."""
        if gauge not in PARTS:
            raise ValueError("no gauge %r; there are %s" % (gauge, ", ".join(sorted(PARTS))))
        self._state.update({"gauge": gauge, "part": None})
        self._make()

    def power_on(self):
        """The cell was put in: the gauge starts anew."""
        self.part.power_on(self._world.now_us)
        self._state.update({"held": 0, "synced": True})

    def set_fault(self, kind, times):
        if kind not in FAULTS:
            raise ValueError("no fault %r of the gauge; there are %s" % (kind, ", ".join(sorted(FAULTS))))
        times = FAULTS[kind] if times is None else times
        self.tick()
        self._state.update({"fault": kind, "left": times, "held": 0, "synced": True})
        if kind == "stuck_sda":
            self._hold(times or -1)

    # -- time

    def tick(self):
        if self._state["fault"] != "frozen":
            self.part.tick(self._world.now_us)

    def next_us(self):
        """When the event line may change by the gauge; None if it will not."""
        return None if self._state["fault"] == "frozen" else self.part.next_us()

    # -- the wires

    def level(self, line):
        if line == "scl":
            return 0 if self._state["fault"] == "stuck_scl" else self._pulls["scl"]
        return 0 if self._state["held"] else self._pulls["sda"]

    def pull(self, line, level):
        """A pin of the board pulls the line low (0) or lets it go (1)."""
        before = self.level(line)
        self._pulls[line] = level
        if before == self.level(line):
            return
        if line == "scl":
            if level and self._state["held"] > 0:
                self._state["held"] -= 1
        elif level and self.level("scl"):
            self._state["synced"] = True  # STOP

    def release(self):
        self._pulls = {"sda": 1, "scl": 1}

    def _hold(self, clocks):
        self._state.update({"held": clocks, "synced": False})

    # -- transfers: each returns the error that the controller sees, or 0

    def wait_us(self, address):
        """How long the clock is held low in a transfer; None if a line stays low, and nothing can be sent."""
        if not self.level("scl") or not self.level("sda"):
            return None
        return self.part.stretch_us if address == self._address else 0

    def probe(self, address, register, data, begun_us):
        """The address alone."""
        return 0 if self._acknowledges(address, begun_us) else _ENODEV

    def read(self, address, register, buf, begun_us):
        if not self._acknowledges(address, begun_us):
            return _ENODEV
        fault = self._state["fault"]
        if fault == "bus_error":
            self._once()
            self._hold(_REST_CLOCKS)
            return _EIO
        if fault in ("zeros", "ones"):
            for i in range(len(buf)):
                buf[i] = 0x00 if fault == "zeros" else 0xFF
        else:
            self.part.read(register, buf, fault == "wrong_part")
        self.part.end(self._world.now_us)
        return 0

    def write(self, address, register, data, begun_us):
        if not self._acknowledges(address, begun_us):
            return _ENODEV
        acknowledged = self.part.write(register, data)
        self.part.end(self._world.now_us)
        return 0 if acknowledged else _ENODEV

    def _acknowledges(self, address, begun_us):
        if address != self._address or not self._state["synced"]:
            return False
        fault = self._state["fault"]
        if fault == "waking":
            self._once()
        if fault in ("nack", "waking"):
            return False
        return self.part.begin(begun_us) if fault != "frozen" else True

    def _once(self):
        """The fault showed; after so many times it is over."""
        if self._state["left"]:
            self._state["left"] -= 1
            if not self._state["left"]:
                self._state["fault"] = ""
