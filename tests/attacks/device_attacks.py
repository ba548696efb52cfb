"""Run by test_attacks.py inside MicroPython: all attacks of a plan, one after the other; a JSON line each."""

import asyncio
import json
import os
import sys

import vfs

from app import config, http, tls, update
from app.link import Backoff
from app.outcomes import UpdateError
from bootloader import bootctl, slots
from tests.boot.flash import Flash, mounted, unmount


async def try_all(plan):
    client = http.Client(tls.context(config.read(plan["ca"])), 2000)
    for attack in plan["updates"]:
        print(json.dumps(await outcome(client, attack)))
    await client.close()


async def outcome(client, attack):
    device = update.Device(
        "virtual", attack["versions"], "a", lambda: None, bytearray(4096), attack["root"]
    )  # fmt: skip
    job = attack["job"]

    async def new_url():
        return job["url"]

    try:
        await update.install(device, job, client, new_url, ignore, Backoff(1, 2), ignore)
        return {"name": attack["name"], "ends": "installed", "words": ""}
    except UpdateError as error:
        return {"name": attack["name"], "ends": type(error).__name__, "words": str(error)}


def ignore(*_):
    """Progress, and the lines of the log."""


def boot(attack):
    """What the loader chooses with a flash that holds what is in `root`, and what is wrong with each slot."""
    flash = Flash(64)
    vfs.mount(posix(attack["root"]), "/folder")
    copy("/folder", mounted(flash, new=True))
    unmount()
    vfs.umount("/folder")
    vfs.umount("/")
    vfs.mount(vfs.VfsLfs2(flash), "/")  # type: ignore[abstract, arg-type]  # the stub takes it for a block device
    try:
        wrong = {name: fault(name) for name in slots.SLOTS}
        slot, _ = start.choose()
        return {"name": attack["name"], "slot": slot, "wrong": wrong, "record": bootctl.load()}
    finally:
        vfs.umount("/")
        vfs.mount(posix(), "/")


def posix(*root):
    return vfs.VfsPosix(*root)  # type: ignore[attr-defined]  # boards have none


def copy(source, target):
    for name, kind, *_ in os.ilistdir(source):
        if kind == 0x4000:
            os.mkdir(target + "/" + name)
            copy(source + "/" + name, target + "/" + name)
        else:
            with open(source + "/" + name, "rb") as old, open(target + "/" + name, "wb") as new:
                new.write(old.read())


def fault(slot):
    try:
        slots.check(slot)
        return ""
    except slots.SlotError as error:
        return str(error)


plan = config.read_json(sys.argv[1])
# the choice of a slot needs no hardware
sys.modules["machine"] = type("machine", (), {"WDT": None})  # type: ignore[assignment]
from bootloader import runtime, start  # noqa: E402, F401 - the former is imported late, when / is the flash

asyncio.run(try_all(plan))
for attack in plan["boots"]:
    print(json.dumps(boot(attack)))
