"""In place of MicroPython's own `_boot`: a file system that can't be mounted does not end in its endless loop."""

import gc

import vfs
from flashbdev import bdev


def is_blank():
    """Whether the flash was never written: the first block is as it was erased."""
    block = bytearray(bdev.ioctl(5, 0))
    bdev.readblocks(0, block)
    return all(byte == 0xFF for byte in block)


try:
    vfs.mount(bdev, "/")
except OSError as error:
    print("no file system:", error)
    if is_blank():
        import inisetup

        inisetup.setup()

gc.collect()
