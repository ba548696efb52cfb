"""A release of kind "runtime": one file, the MicroPython image, into the partition that does not run."""

import asyncio
import binascii
import hashlib
import json

from app.fill import transfer
from app.outcomes import Failed, Refused
from app.slotfiles import is_right
from bootloader import slots
from wire import frel, semver

FILE = "runtime.bin"


def check(runtime, manifest, folder):
    """Refused if the image can't go into this device; `folder` is that of the slot that runs."""
    files = manifest["files"]
    if len(files) != 1 or files[0]["path"] != FILE:
        raise Refused(
            f"a runtime is one file {FILE}; here are {', '.join(file['path'] for file in files[:3])}"
        )
    if files[0]["size"] > runtime.size:
        raise Refused(f"{files[0]['size']} bytes do not fit partition {runtime.spare} of {runtime.size}")
    with open(folder + "/manifest.json") as file:
        needed = json.load(file)["requires"]["runtime"]
    if semver.parse(manifest["version"]) < semver.parse(needed):
        raise Refused(f"the app that runs requires runtime {needed}")


async def fill(source, device, manifest, index, payload, progress):
    """Make the spare partition the image; (chunks not fetched, chunks in all). Failed if it can't be read back."""
    runtime = device.runtime
    check(runtime, manifest, slots.slot_dir(device.slot, device.root))
    present, running = _Part(runtime.read), _Part(runtime.read_running)
    done = await transfer(
        source, device.buffer, manifest, index, payload, present, running, _Writer(runtime), progress
    )
    progress("verifying", 100)
    await _read_back(runtime, manifest["files"][0], device.buffer)
    return done


async def _read_back(runtime, file, buffer):
    hash = hashlib.sha256()
    for offset in range(0, file["size"], frel.CHUNK):
        view = memoryview(buffer)[: min(frel.CHUNK, file["size"] - offset)]
        runtime.read(offset // frel.CHUNK, view)
        hash.update(view)
        await asyncio.sleep_ms(0)
    if binascii.hexlify(hash.digest()).decode() != file["sha256"]:
        raise Failed(f"partition {runtime.spare} does not hold what was written")


class _Part:
    """A partition, as app/slotfiles.Reader gives files: a chunk is a block of it."""

    def __init__(self, read):
        self._read = read

    def read(self, path, offset, view):
        self._read(offset // frel.CHUNK, view)
        return True

    def holds(self, path, offset, view, sha256):
        return self.read(path, offset, view) and is_right(view, sha256)

    def size(self, path):
        return 0

    def close(self):
        return


class _Writer:
    def __init__(self, runtime):
        self._runtime = runtime

    def put(self, path, offset, view):
        self._runtime.write(offset // frel.CHUNK, view)
