"""A card in memory: what each write did is kept, and any moment of a run can be had again.

A write that power cuts short leaves some of its sectors, and of one of them some words of 32 bits. Cards do better:
their translation layer replaces whole sectors.
"""

import sim  # type: ignore[import-not-found]

SECTOR = 512
_WORD = 4


class Card:
    """The block device of the virtual board's card (tools/virtual/rom), with its log: (sector, data, time in us)."""

    def __init__(self, size):
        self._image = bytearray(size)
        self._view = memoryview(self._image)
        self._dirty = {}  # sectors as they were when `base` was called
        self.log: list = []

    def readblocks(self, number, buf):
        at = number * SECTOR
        buf[:] = self._view[at : at + len(buf)]

    def writeblocks(self, number, buf):
        sim.spend(300 + len(buf) // SECTOR * 60)
        self.log.append((number, bytes(buf), sim.world.now_us))
        self._put(number * SECTOR, buf)

    def ioctl(self, op, arg):
        if op == 4:
            return len(self._image) // SECTOR
        return SECTOR if op == 5 else 0

    def _put(self, at, data):
        first = at // SECTOR
        for sector in range(first, (at + len(data) - 1) // SECTOR + 1):
            if sector not in self._dirty:
                self._dirty[sector] = bytes(self._view[sector * SECTOR : (sector + 1) * SECTOR])
        self._view[at : at + len(data)] = data

    def base(self):
        """Let `restore` come back to here."""
        self._dirty = {}

    def restore(self):
        for sector, data in self._dirty.items():
            self._view[sector * SECTOR : (sector + 1) * SECTOR] = data
        self._dirty = {}

    def replay(self, operations):
        for number, data, _ in operations:
            self._put(number * SECTOR, data)

    def tear(self, operation, how):
        """Do a write in part: "none", half its "sectors", up to the first "word" that changes, or the "middle"."""
        number, data, _ = operation
        size = self._part(number * SECTOR, data, how)
        if size:
            self._put(number * SECTOR, memoryview(data)[:size])

    def _part(self, at, data, how):
        if how == "none":
            return 0
        if how == "sectors":
            return len(data) // SECTOR // 2 * SECTOR
        old = self._view[at : at + len(data)]
        changed = [i for i in range(len(data)) if data[i] != old[i]] if old != data else [0]
        last = changed[0] if how == "word" else changed[len(changed) // 2]
        return (last // _WORD + 1) * _WORD
