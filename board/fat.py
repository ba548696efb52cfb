"""Mends what a power cut in the middle of a sector leaves in a FAT: a chain that goes on into a free cluster.

FatFs marks a new cluster as the last of a file, and then the one before as followed by it. Both are often in one
sector; if only its first words are written, the chain leads to a cluster that counts as free. Whoever gets that cluster
next shares it, and whoever appends to the file writes into it. The file's length never reaches so far: the directory
is written last.

Microsoft, "FAT32 File System Specification" 1.03; FAT16 and FAT32. FAT12 is for media smaller than cards are.
"""

import struct

from micropython import const

_SECTOR = const(512)
_ENTRY = const(32)
_MOST_FAT12, _MOST_FAT16 = const(0xFF5), const(0xFFF5)  # clusters
_FOLDER, _LONG = const(0x10), const(0x0F)
_LONG_PARTS = ((1, 11), (14, 26), (28, 32))  # of a name in a long entry, UTF-16


def mend(device, path):
    """Mend the folder `path` (its names in a list) and all files in it; how many chains were cut."""
    fat = Fat(device)
    if not fat.width:
        return 0
    cluster = fat.root
    for name in path:
        found = [
            entry for entry in fat.entries(cluster) if entry[0].upper() == name.upper() and entry[1] & _FOLDER
        ]
        if not found:
            return fat.cuts
        cluster = found[0][2]
    for _, attributes, first in list(fat.entries(cluster)):
        if not attributes & _FOLDER:
            for _ in fat.chain(first):
                continue
    return fat.cuts


class Fat:
    """`width` of an entry in bytes; 0 if this is no FAT that can be mended. `root`: 0 where it has no cluster."""

    def __init__(self, device):
        self._device = device
        self._data = bytearray(_SECTOR)
        self._at = -1
        self.cuts = self.width = 0
        start = self._volume()
        if start is None:
            return
        boot = self._data
        reserved, copies, roots = struct.unpack("<HBH", bytes(boot[14:19]))
        size = struct.unpack("<H", boot[22:24])[0] or struct.unpack("<I", boot[36:40])[0]
        total = struct.unpack("<H", boot[19:21])[0] or struct.unpack("<I", boot[32:36])[0]
        self._per_cluster, self._copies, self._size = boot[13], copies, size
        self._fat = start + reserved
        self._root_sectors = roots * _ENTRY // _SECTOR
        self._first = self._fat + copies * size
        self._clusters = (start + total - self._first - self._root_sectors) // self._per_cluster
        if self._clusters > _MOST_FAT12:
            self.width = 2 if self._clusters <= _MOST_FAT16 else 4
        self.root = struct.unpack("<I", boot[44:48])[0] if self.width == 4 else 0

    def _volume(self):
        """The sector where the file system begins, then in memory: the first, or that of the first partition."""
        for _ in range(2):
            data = self._read(0 if self._at < 0 else struct.unpack("<I", self._data[454:458])[0])
            if data[510:512] != b"\x55\xaa":
                return None
            if data[0] in (0xEB, 0xE9) and struct.unpack("<H", data[11:13])[0] == _SECTOR and data[13]:
                return self._at
        return None

    def _read(self, sector):
        if sector != self._at:
            self._device.readblocks(sector, self._data)
            self._at = sector
        return self._data

    def chain(self, cluster):
        """The clusters of a chain; it is cut where it leads to a free one."""
        left = self._clusters
        while left and 2 <= cluster < self._clusters + 2:
            left -= 1
            yield cluster
            after = self._next(cluster)
            if 2 <= after < self._clusters + 2 and self._next(after) == 0:
                self._cut(cluster)
                return
            cluster = after

    def _place(self, cluster):
        at = cluster * self.width
        return self._fat + at // _SECTOR, at % _SECTOR

    def _next(self, cluster):
        sector, at = self._place(cluster)
        value = bytes(self._read(sector)[at : at + self.width])
        return (
            struct.unpack("<H", value)[0] if self.width == 2 else struct.unpack("<I", value)[0] & 0x0FFFFFFF
        )

    def _cut(self, cluster):
        """Make it the last of its chain, in all copies."""
        sector, at = self._place(cluster)
        data = self._read(sector)
        data[at : at + self.width] = b"\xff\xff" if self.width == 2 else b"\xff\xff\xff\x0f"
        for copy in range(self._copies):
            self._device.writeblocks(sector + copy * self._size, data)
        self.cuts += 1

    def _sectors(self, cluster):
        if not cluster:
            yield from range(self._first, self._first + self._root_sectors)
            return
        for each in self.chain(cluster):
            start = self._first + self._root_sectors + (each - 2) * self._per_cluster
            yield from range(start, start + self._per_cluster)

    def entries(self, cluster):
        """(name, attributes, first cluster) of a folder's entries."""
        long = ""
        for sector in self._sectors(cluster):
            for at in range(0, _SECTOR, _ENTRY):
                entry = bytes(self._read(sector)[at : at + _ENTRY])
                if entry[0] == 0:
                    return
                if entry[11] == _LONG:
                    long = _long_part(entry) + ("" if entry[0] & 0x40 else long)
                    continue
                if entry[0] != 0xE5 and entry[0] != 0x2E:  # removed; "." and ".."
                    high, low = struct.unpack("<H", entry[20:22])[0], struct.unpack("<H", entry[26:28])[0]
                    first = (high << 16 if self.width == 4 else 0) | low
                    yield long or _short(entry), entry[11], first
                long = ""


def _long_part(entry):
    units = b"".join(entry[start:end] for start, end in _LONG_PARTS)
    text = ""
    for i in range(0, len(units), 2):
        if units[i : i + 2] in (b"\x00\x00", b"\xff\xff"):
            break
        text += chr(units[i] | units[i + 1] << 8)
    return text


def _short(entry):
    name, suffix = entry[:8].rstrip(b" "), entry[8:11].rstrip(b" ")
    text = "".join(chr(byte) for byte in name)
    return text + "." + "".join(chr(byte) for byte in suffix) if suffix else text
