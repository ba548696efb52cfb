"""Inside MicroPython: one update of a device whose file system is a littlefs in an image file.

The network is loaded and started as the app does it, and installs as it does for a job. Beside it only parts of the
app are in memory that it uses: what an `App` has is handed in.

argv: image, options (JSON: "versions" that run, "job"). Or: image, "make", a folder whose files it is
to hold, an envelope whose keys it has met. Prints as JSON what the update cost the flash.
"""

import asyncio
import gc
import json
import os
import sys

import vfs

_BLOCK, _PAGE = 4096, 256


class Flash:
    """NOR flash as the virtual board has it: counts erased blocks, and what is programmed in a page at a time."""

    def __init__(self, path, blocks=512):
        self._blocks = blocks
        self._file = open(path, "r+b")  # noqa: SIM115 - for as long as this runs
        self.clear()

    def clear(self):
        self.erased = self.programs = self.programmed_bytes = 0

    def readblocks(self, block, buffer, offset=0):
        self._file.seek(block * _BLOCK + offset)
        self._file.readinto(buffer)

    def writeblocks(self, block, buffer, offset=0):
        at, size = block * _BLOCK + offset, len(buffer)
        self.programs += (at + size - 1) // _PAGE - at // _PAGE + 1
        self.programmed_bytes += size
        self._file.seek(at)
        self._file.write(buffer)

    def ioctl(self, operation, argument):
        if operation == 4:
            return self._blocks
        if operation == 5:
            return _BLOCK
        if operation == 6:
            self.erased += 1
        return 0


def make(image, folder, envelope):
    """A device that has verified a release like this one before, so that the combs of its keys are kept."""
    from bootloader import trust

    with open(image, "wb") as file:
        for _ in range(512):
            file.write(b"\xff" * _BLOCK)
    flash = Flash(image)
    vfs.VfsLfs2.mkfs(flash)  # type: ignore[arg-type]  # the stub wants more of a block device
    mount(flash)
    copy(folder, "/flash")
    with open(envelope, "rb") as file:
        trust.verify_release(file.read(), "app", "/flash")
    vfs.umount("/flash")


def mount(flash):
    vfs.mount(vfs.VfsLfs2(flash), "/flash")  # type: ignore[abstract, arg-type]


def copy(source, target):
    for name, kind, *_ in os.ilistdir(source):
        if kind == 0x4000:
            os.mkdir(target + "/" + name)
            copy(source + "/" + name, target + "/" + name)
        else:
            with open(source + "/" + name, "rb") as old, open(target + "/" + name, "wb") as new:
                new.write(old.read())


class App:
    """What `app.online.Online` asks an app for while it updates: a device in IDLE, its battery full."""

    state = "IDLE"
    private = False
    heartbeat_s, update_min_mv, vbat_mv = 60, 3700, 4100
    runtime = None

    def __init__(self, versions):
        self.versions = versions
        self.board = self.log = self.machine = self.safety = self.settings = self

    def info(self, text):
        """The log's."""

    def restart(self, reason):
        """Not before all is measured."""


async def update(image, options):
    gc.threshold(32768)  # as bootloader/start has it while what stays is loaded
    from app.online import Online

    flash = Flash(image)
    mount(flash)
    with open(options) as file:
        told = json.load(file)
    online = Online(App(told["versions"]), {"id": "dev-1", "board": "virtual"}, "a")
    online.root = "/flash"
    gc.threshold(-1)
    online.open()
    flash.clear()
    result = await online.network._install(told["job"], None, nothing)
    cost = {"erased": flash.erased, "programs": flash.programs, "bytes": flash.programmed_bytes}
    cost["fetched"] = result.bytes_fetched
    print(json.dumps(cost))


def nothing(*_):
    """Progress."""


if sys.argv[2] == "make":
    make(sys.argv[1], *sys.argv[3:])
else:
    asyncio.run(update(*sys.argv[1:]))
