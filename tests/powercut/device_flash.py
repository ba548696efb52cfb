"""The virtual board's flash in memory: what each operation did is kept, and any moment of a run can be had again.

The model of the flash is the board's own `esp32.Partition` (tools/virtual/rom): what it is told to erase and
program goes through its `_operation`, here as there. An operation that power cut short is done by it as well.
"""

import binascii
import hashlib
import io
import os
import random

import esp32
import machine
import sim  # type: ignore[import-not-found]
import vfs
from world import World  # type: ignore[import-not-found]

_BLOCK = 4096
_NOISE = -1  # instead of a share: each bit is done or not, at random

operations: list = []  # of the run so far: (offset in the flash, data to program or None to erase the block)
_changed: set = set()  # blocks that differ from `_base`
_base = bytearray()
_image = io.BytesIO()
_plain = esp32.Partition._operation  # type: ignore[attr-defined]


def power_up(path=None):
    """The board's power-up stage, its log empty; given a `path`, the flash is that file's content in memory."""
    global _base, _image
    machine._power_up()  # type: ignore[attr-defined]
    if path:
        _base = bytearray(os.stat(path)[6])
        with open(path, "rb") as file:
            file.readinto(_base)
        _image = io.BytesIO(bytes(_base))
        machine._images["flash.img"] = _image  # type: ignore[attr-defined]
        esp32.Partition.readblocks = _reader(_image)  # type: ignore[method-assign]
    esp32.Partition._operation = _logged  # type: ignore[attr-defined]


def _reader(image):
    """Reading, which nothing can cut, by the shortest way: most of a start's time goes into it."""
    seek, readinto = image.seek, image.readinto

    def readblocks(self, block, buffer, offset=0):
        seek(self._offset + block * _BLOCK + offset)
        readinto(buffer)

    return readblocks


def _logged(self, at, data, cost_us):
    operations.append((at, None if data is None else bytes(data)))
    _mark(at, data)
    _plain(self, at, data, cost_us)


def _mark(at, data):
    for block in range(at // _BLOCK, (at + len(data or b"-") - 1) // _BLOCK + 1):
        _changed.add(block)


def new_world():
    """A start finds the world, and the clock, as any other does: the same run writes the same bytes."""
    sim.world = World()
    sim.disturbed()


def mount():
    """The board's file system at the root. Without time stamps: they would make each run another one."""
    vfs.umount("/")
    vfs.mount(vfs.VfsLfs2(esp32.Partition("vfs"), mtime=False), "/")  # type: ignore[abstract]


def restore():
    """The flash as it was when `base` was set last, with an empty log."""
    for block in _changed:
        _image.seek(block * _BLOCK)
        _image.write(memoryview(_base)[block * _BLOCK : (block + 1) * _BLOCK])
    _changed.clear()
    operations.clear()


def advance(done):
    """Let `restore` go back to where these operations, from there on, lead."""
    restore()
    replay(done)
    for block in _changed:
        start = block * _BLOCK
        _image.seek(start)
        _image.readinto(memoryview(_base)[start : start + _BLOCK])
    _changed.clear()


def replay(done):
    """Do these operations, as they are in the log of a run."""
    flash = esp32.Partition("vfs")
    for at, data in done:
        _mark(at, data)
        _plain(flash, at, data, 0)


def tear(operation, share, seed):
    """Do an operation by a share of it, from 0 to 1, or bit by bit at random."""
    at, data = operation
    _mark(at, data)
    if share == _NOISE:
        _tear_bits(at, data, seed)
        return
    cut_power, sim.cut_power = sim.cut_power, _nothing
    sim.config["cut"] = [sim.flash_ops, share]
    _plain(esp32.Partition("vfs"), at, data, 0)
    sim.cut_power, sim.config["cut"] = cut_power, None


def _nothing():
    """Nobody is there to notice that power is gone: what was running is no more."""


def _tear_bits(at, data, seed):
    """Bits that were to be cleared are, or not yet; bits that were to be set, too."""
    flash = esp32.Partition("vfs")
    random.seed(seed)
    if data is None:
        data = bytearray(_BLOCK)
        _image.seek(at)
        _image.readinto(data)
        _plain(flash, at, None, 0)
    _plain(flash, at, bytes(byte | random.getrandbits(8) for byte in data), 0)


def digest():
    """SHA-256 of the flash."""
    return binascii.hexlify(hashlib.sha256(_image.getvalue()).digest()).decode()
