"""Where recordings go: the SD card (FAT) at /sd, or /rec on the internal flash where there is no card."""

import os

import vfs
from machine import SDCard

_CARD = "/sd"
_INTERNAL = "/rec"


def path(pins, torn=()):
    """Mount the card if need be; what power cut short in the folders `torn` is mended first (board/fat).

    OSError of a card that is there but has no file system is let through.
    """
    if _CARD[1:] in os.listdir("/"):
        return _CARD
    try:
        card = SDCard(slot=pins.SD_SLOT, sck=pins.SD_SCK, miso=pins.SD_MISO, mosi=pins.SD_MOSI, cs=pins.SD_CS)
        card.ioctl(4, 0)
    except OSError:
        return _internal()
    mend(card, torn)
    vfs.mount(vfs.VfsFat(card), _CARD)  # type: ignore[abstract]  # the stub takes it for a block device
    return _CARD


def mend(card, torn):
    """Before anybody writes to it. `torn`: paths of folders as they are when it is mounted."""
    for folder in torn:
        if folder.startswith(_CARD + "/"):
            from board import fat

            cuts = fat.mend(card, folder[len(_CARD) + 1 :].split("/"))
            if cuts:
                print("storage:", cuts, "chains of", folder, "mended")


def release():
    """Unmount the card, so that the next one put in is found. Files that are open on it fail."""
    if _CARD[1:] in os.listdir("/"):
        vfs.umount(_CARD)


def _internal():
    if _INTERNAL[1:] not in os.listdir("/"):
        os.mkdir(_INTERNAL)
    return _INTERNAL
