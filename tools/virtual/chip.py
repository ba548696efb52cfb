"""What the chip does before any Python runs: its ROM and ESP-IDF's second stage choose the image to start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import espimage
import otadata
from partitions import FLASH_BYTES, TABLE

SECTOR = 4096
PANIC_US = 300_000  # from a start to the panic of an image that gets no further, and on to the next start


class PowerCut(Exception):
    """Power went in the middle of a flash operation."""


class NoImage(Exception):
    """No partition holds an image that starts: nothing but a programmer helps."""


@dataclass
class Start:
    """How a start went: "run", or "cut" or "panic" before the interpreter came."""

    how: str
    running: str = ""
    fault: str = ""
    flash_ops: int = 0


class Chip:
    """`rollback` and `fast_wake` are how MicroPython is built: CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE and
    CONFIG_BOOTLOADER_SKIP_VALIDATE_IN_DEEP_SLEEP, both on in its sdkconfig.base."""

    def __init__(self) -> None:
        self.rollback = True
        self.fast_wake = True
        self._kept = ""  # in RTC memory: what was started last

    def lose_power(self) -> None:
        self._kept = ""

    def start(self, folder: Path, cause: str, cut: list | None) -> Start:
        """`cut`: [number of the flash operation that power goes in, share of it that is done]. NoImage."""
        with open(folder / "flash.img", "r+b") as file:
            flash = Flash(file, cut)
            try:
                self._kept = self._choose(flash, cause)
            except PowerCut:
                return Start("cut", flash_ops=flash.operations)
            fault = espimage.describe(otadata.reader(flash, self._kept))[1]
        return Start("panic" if fault == "panic" else "run", self._kept, fault, flash.operations)

    def _choose(self, flash: Flash, cause: str) -> str:
        """A wake-up from deep sleep asks nobody and verifies nothing; a soft reset is MicroPython's own affair."""
        if self._kept and (cause == "soft" or (cause == "wake" and self.fast_wake)):
            return self._kept
        label = otadata.boot(flash, self.rollback)
        if label is None:
            raise NoImage("the board does not start: neither ota_0 nor ota_1 holds a good image")
        return label


class Flash:
    """The flash image of a board that is off, as `otadata` wants it."""

    def __init__(self, file: BinaryIO, cut: list | None = None) -> None:
        self._file, self._cut = file, cut
        self.operations = 0

    def read(self, at: int, size: int) -> bytes:
        self._file.seek(at)
        return self._file.read(size)

    def erase(self, at: int) -> None:
        self._operate(at, b"\xff" * SECTOR)

    def program(self, at: int, data: bytes) -> None:
        old = self.read(at, len(data))
        self._operate(at, bytes(a & b for a, b in zip(old, data, strict=True)))

    def _operate(self, at: int, data: bytes) -> None:
        done = len(data)
        if self._cut and self._cut[0] == self.operations:
            done = int(done * self._cut[1])
        self._file.seek(at)
        self._file.write(data[:done])
        if done < len(data) or (self._cut and self._cut[0] == self.operations):
            raise PowerCut
        self.operations += 1


def otadata_of(folder: Path) -> otadata.OtaData:
    """What a board's otadata says; the board must not run."""
    with open(folder / "flash.img", "rb") as file:
        return otadata.OtaData(Flash(file))


def image_of(folder: Path, label: str) -> bytes:
    """The good image in a partition; espimage.ImageError. The board must not run."""
    with open(folder / "flash.img", "rb") as file:
        flash = Flash(file)
        length = espimage.verify(otadata.reader(flash, label), TABLE[label][3])
        return flash.read(TABLE[label][2], length)


def prepare(folder: Path, runtime: bytes) -> None:
    """A new board's flash: `runtime` in ota_0, started once at the factory."""
    if len(runtime) > TABLE["ota_0"][3]:
        raise ValueError(f"a runtime of {len(runtime)} bytes does not fit {TABLE['ota_0'][3]}")
    path = folder / "flash.img"
    with open(path, "wb") as file:
        file.truncate(FLASH_BYTES)
    with open(path, "r+b") as file:
        for label in ("otadata", "ota_1"):
            file.seek(TABLE[label][2])
            file.write(b"\xff" * SECTOR * (2 if label == "otadata" else 1))
        file.seek(TABLE["ota_0"][2])
        file.write(runtime)
        otadata.boot(Flash(file))


def partition_of(folder: Path, label: str) -> bytes:
    """All bytes of a partition."""
    with open(folder / "flash.img", "rb") as file:
        return Flash(file).read(TABLE[label][2], TABLE[label][3])
