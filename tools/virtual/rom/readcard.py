"""Copy what is on a board's card to a folder of the host. argv: the board's folder, the target folder.

Runs on the plain interpreter, with this folder on its path.
"""

import os
import sys

import sim

folder, target = sys.argv[1:]
sim.config = {"cut": None, "folder": folder, "rtc": "", "wdt_due_us": 1 << 60, "cause": "power"}
sim.spend = lambda us: None

import machine  # noqa: E402
import vfs  # noqa: E402

machine.power_up()
vfs.mount(vfs.VfsFat(machine.SDCard()), "/card")


def copy(path):
    for name, kind, *_ in os.ilistdir("/card" + path):
        here = path + "/" + name
        if kind == 0x4000:
            os.mkdir(target + here)
            copy(here)
            continue
        with open("/card" + here, "rb") as read, open(target + here, "wb") as write:
            while data := read.read(65536):
                write.write(data)


copy("")
