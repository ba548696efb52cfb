"""The two images of MicroPython in the flash: which one runs, the other one's bytes, and which is to be started.

ESP-IDF keeps that choice in `otadata`, and gives up an image that was started once and was not said to be good.
MicroPython can say "good" only, and of the image that is to be started, whichever runs: so `keep` looks first.
"""

import sys

from esp32 import Partition
from micropython import const

from wire import semver

BLOCK = 4096  # bytes that are erased together
_DESCRIPTION = const(32)  # offset of esp_app_desc_t, behind the headers of image and segment
_VERSION = const(16)  # offset in it
_TEXT = const(32)
_MAGIC = b"\x32\x54\xcd\xab"


class Runtime:
    """`label`: the partition that runs, `spare` the other one's, of `size` bytes."""

    def __init__(self):
        self._running = _known(Partition.RUNNING)
        self._spare = self._running.get_next_update()
        self.label = _label(self._running)
        self.spare = _label(self._spare)
        self.size = self._spare.info()[3]

    def read(self, block, view):
        """Fill `view` from the beginning of a block of the spare one."""
        self._spare.readblocks(block, view, 0)

    def read_running(self, block, view):
        self._running.readblocks(block, view, 0)

    def write(self, block, view):
        """Replace a block of the spare one; `view` may be shorter. OSError."""
        self._spare.ioctl(6, block)
        self._spare.writeblocks(block, view, 0)

    def start_next(self, label):
        """From the next reset on `label` is started. OSError if it holds no good image.

        A reset it must be: a wake-up from deep sleep goes on with the image that ran, without a look at the choice.
        """
        Partition(label).set_boot()

    def keep(self):
        """What runs is good, and is what is started from now on. OSError if that can't be written."""
        if _label(_known(Partition.BOOT)) != self.label:
            self._running.set_boot()
        Partition.mark_app_valid_cancel_rollback()


def open_runtime():
    """The board's Runtime; None if its flash has one image only."""
    try:
        found = Runtime()
    except OSError:
        return None
    return found if found.label != found.spare else None


def version():
    """Of MicroPython: as its image says, if it was built to, else as the interpreter says."""
    data = bytearray(_VERSION + _TEXT)
    _known(Partition.RUNNING).readblocks(0, data, _DESCRIPTION)
    text = bytes(data[_VERSION:]).split(b"\0")[0]
    try:
        told = text.decode()
        semver.parse(told)
    except ValueError:  # UnicodeError is one
        told = ""
    if told and data[: len(_MAGIC)] == _MAGIC:
        return told
    return ".".join(str(number) for number in sys.implementation.version[:3])


def _known(number):
    return Partition(number)  # type: ignore[arg-type]  # the stub knows labels only


def _label(partition):
    return partition.info()[4]
