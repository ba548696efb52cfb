"""The virtual board's 8 MiB of flash: its partition table, shared by the supervisor and the interpreter.

As a table of ESP-IDF for two OTA slots (MicroPython's own 8 MiB table has no room for a file system of 4 MiB).
"""

FLASH_BYTES = 8 << 20
APP, DATA = 0, 1  # types

# label: (type, subtype, offset, size)
TABLE = {
    "nvs": (DATA, 0x02, 0x9000, 0x4000),
    "otadata": (DATA, 0x00, 0xD000, 0x2000),
    "phy_init": (DATA, 0x01, 0xF000, 0x1000),
    "ota_0": (APP, 0x10, 0x10000, 0x1F0000),
    "ota_1": (APP, 0x11, 0x200000, 0x1F0000),
    "vfs": (DATA, 0x81, 0x400000, 0x400000),
}
OTA_SLOTS = ("ota_0", "ota_1")  # in the order of their subtypes
