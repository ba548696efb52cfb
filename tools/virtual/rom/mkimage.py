"""Make the images of a new board: littlefs in flash.img, FAT in sd.img. argv: folder, then FILE=PATH-ON-BOARD each.

Runs on the plain interpreter, with this folder on its path.
"""

import os
import sys

import sim

folder, files = sys.argv[1], sys.argv[2:]
sim.config = {"cut": None, "folder": folder, "rtc": "", "wdt_due_us": 1 << 60, "cause": "power", "fault": ""}
sim.spend = lambda us: None

import esp32  # noqa: E402
import machine  # noqa: E402
import vfs  # noqa: E402

machine._power_up()
flash = esp32.Partition("vfs")
vfs.VfsLfs2.mkfs(flash)
vfs.mount(vfs.VfsLfs2(flash, mtime=False), "/board")  # the same files give the same image
for item in files:
    source, _, target = item.partition("=")
    at = "/board"
    for part in target.split("/")[:-1]:
        at += "/" + part
        try:
            os.mkdir(at)
        except OSError as error:
            if error.errno != 17:  # EEXIST
                raise
    with open(source, "rb") as read, open("/board/" + target, "wb") as write:
        while True:
            data = read.read(4096)
            if not data:
                break
            write.write(data)
vfs.umount("/board")
vfs.VfsFat.mkfs(machine.SDCard())
