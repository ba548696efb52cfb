"""`esp32` of the virtual board: flash partitions and wake sources, at MicroPython's own API."""

import machine
import sim
from partitions import TABLE

WAKEUP_ALL_LOW = False
WAKEUP_ANY_HIGH = True

_BLOCK, _PAGE = 4096, 256
_OUTSIDE = (-0x104, "ESP_ERR_INVALID_SIZE")
_PROG_US, _ERASE_US = 350, 45_000  # per 128 bytes and per block, W25Q64 class
# by size: room for what is there, and how it is when erased; the sizes that littlefs programs by, and a page
_ROOMS = {size: (bytearray(size), b"\xff" * size) for size in (1, 32, 64, 96, 128, 256)}


def wake_on_ext0(pin=None, level=None):
    machine._wake_config["ext0"] = None if pin is None else [[pin._signal], 1 if level else 0]


def wake_on_ext1(pins=None, level=None):
    machine._wake_config["ext1"] = None if not pins else [[pin._signal for pin in pins], 1 if level else 0]


class Partition:
    """A partition of the flash image. Programming can only clear bits; erasing sets a block to 0xFF.

    Power can be cut at a chosen operation, the erasing of a block or the programming of up to 256 bytes, a page:
    `cut` in the boot message is [operation number, share of it done].
    Nothing is allocated to read, write or erase: a file that is finalised calls them with the heap locked.
    """

    BOOT, RUNNING = 0, 1
    TYPE_APP, TYPE_DATA = 0, 1

    def __init__(self, id, block_size=_BLOCK):
        if id == self.RUNNING:
            id = sim.config["running"]
        elif id == self.BOOT:
            id = _ota().chosen()
        if id not in TABLE:
            raise OSError(2)  # ENOENT
        self._label = id
        self._type, self._subtype, self._offset, self._size = TABLE[id]
        self._file = machine._open_image("flash.img")

    @classmethod
    def find(cls, type=TYPE_APP, subtype=0xFF, label=None):
        return [
            cls(name)
            for name, (kind, sub, _, _) in TABLE.items()
            if kind == type and subtype in (0xFF, sub) and label in (None, name)
        ]

    def info(self):
        return (self._type, self._subtype, self._offset, self._size, self._label, False)

    def readblocks(self, block_num, buf, offset=0):
        at = block_num * _BLOCK + offset  # `_at` without its call: a start of the app reads some 60,000 times
        if at < 0 or at + len(buf) > self._size:
            raise OSError(*_OUTSIDE)
        file = self._file
        file.seek(self._offset + at)
        file.readinto(buf)

    def writeblocks(self, block_num, buf, offset=None):
        if offset is None:  # the simple interface erases first
            for block in range(block_num, block_num + len(buf) // _BLOCK):
                self.ioctl(6, block)
            offset = 0
        at, size = self._at(block_num, offset, len(buf)), len(buf)
        if size <= _PAGE:  # all that littlefs programs
            self._operation(at, buf, _PROG_US * size // 128)
            return
        for done in range(0, size, _PAGE):
            page = memoryview(buf)[done : done + _PAGE]
            self._operation(at + done, page, _PROG_US * len(page) // 128)

    def ioctl(self, op, arg):
        if op == 4:
            return self._size // _BLOCK
        if op == 5:
            return _BLOCK
        if op == 6:
            self._operation(self._at(arg, 0, _BLOCK), None, _ERASE_US)
        return 0

    def set_boot(self):
        _ota().set_boot(self)

    def get_next_update(self):
        return Partition(_ota().after(self._label))

    @classmethod
    def mark_app_valid_cancel_rollback(cls):
        _ota().confirm()

    def _at(self, block, offset, size):
        at = block * _BLOCK + offset
        if at < 0 or at + size > self._size:
            raise OSError(*_OUTSIDE)
        return self._offset + at

    def _operation(self, at, data, cost_us):
        """Erase the block at `at`, or program `data` there."""
        if sim.power_is_gone:
            return
        cut = sim.config["cut"]
        if cut and sim.flash_ops == cut[0]:
            self._begin(at, data, _share(cut[1], len(data) if data else _BLOCK))
            sim.cut_power()
            return
        if data is None:
            self._erase(at)
        elif len(data) in _ROOMS:
            self._program(at, data, _ROOMS[len(data)])
        else:
            self._begin(at, data, len(data))
        sim.flash_ops += 1
        sim.spend_or_owe(cost_us)

    def _erase(self, at):
        self._file.seek(at)
        i = _BLOCK // _PAGE
        while i:
            i -= 1
            self._file.write(_ROOMS[_PAGE][1])

    def _program(self, at, data, room):
        old = room[0]
        self._file.seek(at)
        self._file.readinto(old)
        self._file.seek(at)
        if old == room[1]:
            self._file.write(data)
            return
        i = len(old)
        while i:
            i -= 1
            old[i] &= data[i]
        self._file.write(old)

    def _begin(self, at, data, size):
        """Do the first `size` bytes of an operation, one at a time."""
        byte, done = _ROOMS[1][0], 0
        while done < size:
            self._file.seek(at + done)
            if data is None:
                byte[0] = 0xFF
            else:
                self._file.readinto(byte)
                byte[0] &= data[done]
                self._file.seek(at + done)
            self._file.write(byte)
            done += 1


def _share(share, size):
    """That part of `size`; an integer counts 4096ths, for a float takes room on the heap."""
    return size * share // _BLOCK if type(share) is int else int(size * share)


def _ota():
    return sim.late("ota", "otadata", "espimage")
