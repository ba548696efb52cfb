"""The part of `esp32.Partition` that an update needs: which image is to be started. Loaded for a moment only."""

import espimage
import otadata
import sim
from esp32 import Partition
from partitions import OTA_SLOTS

_ERASE_US, _PROG_US = 45_000, 350
_VERIFY_US = 500_000  # an image of 1.5 MB, read and hashed
_NO_IMAGE = (-5379, "ESP_ERR_OTA_VALIDATE_FAILED")
_NO_ENTRY = (-1, "ESP_FAIL")


class Flash:
    """The flash behind a partition, as `otadata` wants it."""

    def __init__(self, label="otadata"):
        self._partition = Partition(label)

    def read(self, at, size):
        data = bytearray(size)
        file = self._partition._file
        file.seek(at)
        file.readinto(data)
        return data

    def erase(self, at):
        self._partition._operation(at, None, _ERASE_US)

    def program(self, at, data):
        self._partition._operation(at, data, _PROG_US)


def chosen():
    """Label of the partition that is to be started."""
    return OTA_SLOTS[otadata.OtaData(Flash()).slot() or 0]


def after(label):
    return OTA_SLOTS[(OTA_SLOTS.index(label) + 1) % len(OTA_SLOTS)]


def set_boot(partition):
    sim.spend(_VERIFY_US)
    label = partition.info()[4]
    try:
        espimage.verify(otadata.reader(Flash(label), label), partition.info()[3])
    except espimage.ImageError as error:
        print("E esp_image:", error)
        raise OSError(*_NO_IMAGE) from None
    otadata.OtaData(Flash()).set_boot(OTA_SLOTS.index(label), sim.config["rollback"])


def confirm():
    """It says VALID of what is to be started, which need not be what runs."""
    if not otadata.OtaData(Flash()).confirm():
        raise OSError(*_NO_ENTRY)
