"""A littlefs in memory, on a NOR-like flash whose power can be cut. For tests inside MicroPython."""

import vfs

BLOCK = 4096


class PowerCut(OSError):
    """The flash lost its power, in this operation or in an earlier one."""


class Flash:
    """A block device of `blocks` blocks, which only clears bits when it writes, as NOR flash does.

    At write or erase number `cut_at` the power goes: that one is done by half, and none after it.
    """

    def __init__(self, blocks=16, data=None, cut_at=None):
        self.data = data or bytearray(b"\xff" * (blocks * BLOCK))
        self.cut_at = cut_at
        self.operations = 0

    def readblocks(self, block, buffer, offset=0):
        start = block * BLOCK + offset
        buffer[:] = self.data[start : start + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        start = block * BLOCK + offset
        for i in range(self._allowed(len(buffer))):
            self.data[start + i] &= buffer[i]
        self._end()

    def ioctl(self, operation, argument):
        if operation == 4:
            return len(self.data) // BLOCK
        if operation == 5:
            return BLOCK
        if operation == 6:
            start = argument * BLOCK
            size = self._allowed(BLOCK)
            self.data[start : start + size] = b"\xff" * size
            self._end()
        return 0

    def _allowed(self, size):
        """How many bytes of an operation are done."""
        self.operations += 1
        if self.cut_at is None or self.operations < self.cut_at:
            return size
        return size // 2 if self.operations == self.cut_at else 0

    def _end(self):
        if self.cut_at is not None and self.operations >= self.cut_at:
            raise PowerCut(5)


def mounted(flash, new=False):
    """Mount the flash at /flash, formatted if it is new."""
    if new:
        vfs.VfsLfs2.mkfs(flash)
    vfs.mount(vfs.VfsLfs2(flash), "/flash")  # type: ignore[abstract]  # the stub takes it for a block device
    return "/flash"


def unmount():
    vfs.umount("/flash")
