"""Copy what is on a board's card or flash to a folder of the host. argv: the board's folder, card | flash, the target.

Runs on the plain interpreter, with this folder on its path.
"""

import os
import sys

import sim

folder, which, target = sys.argv[1:]
sim.config = {"cut": None, "folder": folder, "rtc": "", "wdt_due_us": 1 << 60, "cause": "power", "fault": ""}
sim.spend = lambda us: None

import esp32  # noqa: E402
import machine  # noqa: E402
import vfs  # noqa: E402

machine._power_up()
media = vfs.VfsFat(machine.SDCard()) if which == "card" else vfs.VfsLfs2(esp32.Partition("vfs"))
vfs.mount(media, "/media", readonly=True)


def copy(path):
    for name, kind, *_ in os.ilistdir("/media" + path):
        here = path + "/" + name
        if kind == 0x4000:
            os.mkdir(target + here)
            copy(here)
            continue
        with open("/media" + here, "rb") as read, open(target + here, "wb") as write:
            while data := read.read(65536):
                write.write(data)


copy("")
