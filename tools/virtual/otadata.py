"""Which image is to run: `otadata` and the choice of ESP-IDF's second-stage bootloader. Runs on both interpreters.

Two entries (esp_ota_select_entry_t), each in a sector of its own; of those that hold, the one with the highest
sequence number decides. Sequence number n means slot (n - 1) modulo the number of slots.

    NEW       set to be booted, by an image built with rollback
    PENDING   booted once, not yet said to be good: at the next boot it is given up
    VALID     said to be good
    ABORTED   given up, as INVALID: the entry holds no more
    UNDEFINED set to be booted, by an image built without rollback

ESP-IDF: esp_ota_ops.c, bootloader_utility.c, bootloader_common_loader.c. Only the sequence number has a CRC.
A `flash` gives `read(at, size)`, and takes `erase(at)` of a sector and `program(at, data)`.
"""

import binascii
import struct

import espimage
from partitions import OTA_SLOTS, TABLE

NEW, PENDING, VALID, INVALID, ABORTED, UNDEFINED = 0, 1, 2, 3, 4, 0xFFFFFFFF
_NONE = 0xFFFFFFFF
_ENTRY = "<I20sII"  # ota_seq, seq_label, ota_state, crc
_ENTRY_SIZE = 32
_SECTOR = 4096
_OFFSET = TABLE["otadata"][2]


class OtaData:
    def __init__(self, flash):
        self._flash = flash
        self.entries = [self._read(0), self._read(1)]  # [sequence number, state, whether its CRC is right]

    def active(self):
        """Number of the entry that decides, -1 if none holds."""
        held = [number for number in (0, 1) if self.entries[number][2] and not self._is_given_up(number)]
        if len(held) == 2:
            return 0 if self.entries[0][0] >= self.entries[1][0] else 1
        return held[0] if held else -1

    def slot(self):
        """Index of the slot that is to be booted, None if no entry says."""
        active = self.active()
        return None if active < 0 else (self.entries[active][0] - 1) % len(OTA_SLOTS)

    def is_blank(self):
        """Whether it was never written, or both entries are damaged."""
        return not any(entry[2] for entry in self.entries)

    def set_boot(self, slot, rollback):
        """The entry that does not decide is replaced by one that does."""
        active, count = self.active(), len(OTA_SLOTS)
        sequence = slot + 1
        if active >= 0:
            while sequence < self.entries[active][0]:
                sequence += count
        self.write(0 if active < 0 else 1 - active, sequence, NEW if rollback else UNDEFINED)

    def confirm(self):
        """False if no entry decides. Nothing is written if it says VALID already."""
        active = self.active()
        if active >= 0 and self.entries[active][1] != VALID:
            self.write(active, self.entries[active][0], VALID)
        return active >= 0

    def write(self, number, sequence, state):
        self.entries[number] = [sequence, state, True]
        at = _OFFSET + number * _SECTOR
        data = struct.pack(_ENTRY, sequence, b"\xff" * 20, state, _crc(sequence))
        self._flash.erase(at)
        self._flash.program(at, data)

    def _is_given_up(self, number):
        return self.entries[number][1] in (INVALID, ABORTED)

    def _read(self, number):
        data = self._flash.read(_OFFSET + number * _SECTOR, _ENTRY_SIZE)
        sequence, _, state, crc = struct.unpack(_ENTRY, data)
        return [sequence, state, sequence != _NONE and crc == _crc(sequence)]


def _crc(sequence):
    return binascii.crc32(struct.pack("<I", sequence), _NONE)


def boot(flash, rollback=True):
    """What the second stage does at a start: the label of the image that it starts, None if there is none to start."""
    data = OtaData(flash)
    if rollback:
        for number in (0, 1):
            if data.entries[number][1:] == [PENDING, True]:
                data.write(number, data.entries[number][0], ABORTED)
    blank, first = data.is_blank(), data.slot()
    if first is not None and rollback:
        active = data.active()
        if data.entries[active][1] == NEW:
            data.write(active, data.entries[active][0], PENDING)
    first = first or 0
    for slot in list(range(first, -1, -1)) + list(range(first + 1, len(OTA_SLOTS))):
        if _is_good(flash, OTA_SLOTS[slot]):
            if blank:
                data.write(0, slot + 1, VALID)
            return OTA_SLOTS[slot]
    return None


def _is_good(flash, label):
    try:
        espimage.verify(reader(flash, label), TABLE[label][3])
    except espimage.ImageError:
        return False
    return True


def reader(flash, label):
    """A function that reads in a partition."""
    offset = TABLE[label][2]
    return lambda at, size: flash.read(offset + at, size)
