"""`esp32` of the virtual board: flash partitions and wake sources, at MicroPython's own API."""

import machine
import sim

WAKEUP_ALL_LOW = False
WAKEUP_ANY_HIGH = True

_BLOCK = 4096
_PROG_US, _ERASE_US = 350, 45_000  # per 128 bytes and per block, W25Q64 class
# label: (type, subtype, offset, size)
_TABLE = {"vfs": (1, 0x81, 0, 4 << 20)}


def wake_on_ext0(pin=None, level=None):
    machine._wake_config["ext0"] = None if pin is None else [[pin._signal], 1 if level else 0]


def wake_on_ext1(pins=None, level=None):
    machine._wake_config["ext1"] = None if not pins else [[pin._signal for pin in pins], 1 if level else 0]


class Partition:
    """A partition of the flash image. Programming can only clear bits; erasing sets a block to 0xFF.

    Power can be cut at a chosen operation: `cut` in the boot message is [operation number, share of it done].
    """

    BOOT, RUNNING = 0, 1
    TYPE_APP, TYPE_DATA = 0, 1

    def __init__(self, id, block_size=_BLOCK):
        if id not in _TABLE:
            raise OSError(2)  # ENOENT
        self._label = id
        self._type, self._subtype, self._offset, self._size = _TABLE[id]
        self._file = machine._open_image("flash.img")
        self._erased = b"\xff" * _BLOCK
        self._old = {}

    @classmethod
    def find(cls, type=TYPE_APP, subtype=0xFF, label=None):
        return [
            cls(name)
            for name, (kind, sub, _, _) in _TABLE.items()
            if kind == type and subtype in (0xFF, sub) and label in (None, name)
        ]

    def info(self):
        return (self._type, self._subtype, self._offset, self._size, self._label, False)

    def readblocks(self, block_num, buf, offset=0):
        self._file.seek(self._offset + block_num * _BLOCK + offset)
        self._file.readinto(buf)

    def writeblocks(self, block_num, buf, offset=None):
        if offset is None:  # the simple interface erases first
            self.ioctl(6, block_num)
            offset = 0
        self._operation(self._offset + block_num * _BLOCK + offset, buf, _PROG_US * len(buf) // 128)

    def ioctl(self, op, arg):
        if op == 4:
            return self._size // _BLOCK
        if op == 5:
            return _BLOCK
        if op == 6:
            self._operation(self._offset + arg * _BLOCK, None, _ERASE_US)
        return 0

    def _operation(self, at, data, cost_us):
        """Erase the block at `at`, or program `data` there."""
        cut = sim.config["cut"]
        if cut and sim.flash_ops == cut[0]:
            done = int(cut[1] * (len(data) if data else _BLOCK))
            self._put(at, self._erased[:done] if data is None else data[:done], data is not None)
            sim.end("cut")
        self._put(at, self._erased if data is None else data, data is not None)
        sim.flash_ops += 1
        sim.spend(cost_us)

    def _put(self, at, data, program):
        if program:
            n = len(data)
            if n not in self._old:
                self._old[n] = (bytearray(n), b"\xff" * n)
            old, erased = self._old[n]
            self._file.seek(at)
            self._file.readinto(old)
            if old != erased:
                data = bytes(a & b for a, b in zip(old, data))
        self._file.seek(at)
        self._file.write(data)
