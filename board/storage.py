"""Where recordings go: the SD card (FAT) at /sd, or /rec on the internal flash where there is no card."""

import os

import vfs
from machine import SDCard

_CARD = "/sd"
_INTERNAL = "/rec"


def path(pins):
    """Mount the card if need be. OSError of a card that is there but has no file system is let through."""
    if _CARD[1:] in os.listdir("/"):
        return _CARD
    try:
        card = SDCard(slot=pins.SD_SLOT, sck=pins.SD_SCK, miso=pins.SD_MISO, mosi=pins.SD_MOSI, cs=pins.SD_CS)
        card.ioctl(4, 0)
    except OSError:
        return _internal()
    vfs.mount(vfs.VfsFat(card), _CARD)  # type: ignore[abstract]  # the stub takes it for a block device
    return _CARD


def _internal():
    if _INTERNAL[1:] not in os.listdir("/"):
        os.mkdir(_INTERNAL)
    return _INTERNAL
