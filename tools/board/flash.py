"""`fieldrec board flash`: a board with MicroPython becomes a device, in an order that a pulled cable does no harm to.

    boot.py, main.py away -> SPL -> identity, secret -> slot: judged, files, seal -> boot.py, main.py -> read back

Until the last step a start ends at MicroPython's own REPL, so the same command goes on. What is right already is not
written again. The secret of the seals is made on the board, and never leaves it.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from cloud import pki
from tools import firmware
from tools.board import slot
from tools.board.files import Count, Show, Writer, different, no_show
from tools.board.link import DeviceError, Link

OLDEST = (1, 26)
_MPY = 6
_START = ("/boot.py", "/main.py")
_SPL_FOLDERS = ("/bootloader", "/board", "/wire")
_TRUST = ("/etc/roots.json", "/etc/keyring.json")


class FlashError(Exception):
    """The board is not one to be flashed like this; the text says why and what to do."""


@dataclass(frozen=True)
class Order:
    """`device_id` and `board` may be empty on a board that has them. `keys`: a folder of tools/keys."""

    device_id: str
    board: str
    keys: Path
    release: Path
    new_identity: bool = False


@dataclass(frozen=True)
class Flashed:
    device_id: str
    board: str
    version: str
    count: Count


def flash(link: Link, order: Order, show: Show = no_show) -> Flashed:
    """FlashError, or DeviceError with the board's own words."""
    link.load("files")
    check_interpreter(link.call("interpreter"))
    who = _identity(link, order)
    spl = {f"/{path}": content for path, content in firmware.spl_files(who["board"]).items()}
    load = slot.load(order.release, "a")
    etc = _etc(link, order, who)
    wanted = {**spl, **etc, **load.files}
    writer = Writer(link, wanted, show)
    if order.new_identity or writer.stale & spl.keys():
        link.call("remove", list(_START))
        writer.stale.update(_START)
    _forget(link, order)
    modules = [path for path in spl if path not in _START]
    writer.write(modules)
    _remove_strangers(link, spl)
    writer.write(etc)
    link.call("fresh")
    link.load("slot")
    link.call("make_secret")
    slot.put(link, load, who["board"], writer)
    writer.write(_START)
    _look_again(link, wanted)
    return Flashed(who["id"], who["board"], load.version, writer.count)


def check_interpreter(found: dict) -> None:
    """FlashError unless it is a MicroPython that can run the firmware."""
    version = ".".join(map(str, found["version"]))
    if found["name"] != "micropython" or tuple(found["version"]) < OLDEST or found["mpy"] != _MPY:
        least = ".".join(map(str, OLDEST))
        raise FlashError(
            f"the board runs {found['name']} {version} (.mpy {found['mpy']}): MicroPython {least} or newer is needed"
        )


def identity_of(link: Link) -> dict | None:
    """/etc/device.json, None if there is none. FlashError if it can't be read. The script `files` is loaded."""
    if link.hashes(["/etc/device.json"]) == [None]:
        return None
    try:
        found = json.loads(link.read("/etc/device.json"))
        return {name: str(found[name]) for name in ("id", "board", "cloud")}
    except (ValueError, KeyError, TypeError, DeviceError) as error:
        raise FlashError(f"/etc/device.json can't be read ({error}): --new-identity makes it anew") from None


def board_of(link: Link) -> str:
    """The folder of board/ that the device is of, as far as it says; "" on a new one."""
    link.load("files")
    try:
        return (identity_of(link) or {"board": ""})["board"]
    except FlashError:
        return ""


def _identity(link: Link, order: Order) -> dict:
    """{"id", "board", "cloud"} to be."""
    there = None
    try:
        there = identity_of(link)
    except FlashError:
        if not order.new_identity:
            raise
    if there and not order.new_identity:
        for option, has, asked in (
            ("id", there["id"], order.device_id),
            ("board", there["board"], order.board),
        ):
            if asked and asked != has:
                raise FlashError(
                    f"this board has an identity: its {option} is {has}, not {asked}. --new-identity replaces it, and"
                    " removes its key, certificate, settings and secret"
                )
        return there
    device_id = order.device_id or (there or {}).get("id", "")
    board = order.board or (there or {}).get("board", "")
    if not device_id or not board:
        raise FlashError("a board without an identity needs --id NAME and --board FOLDER")
    pki.check_device_id(device_id)
    return {"id": device_id, "board": board, "cloud": ""}


def _etc(link: Link, order: Order, who: dict) -> dict[str, bytes]:
    """Who it is and whom it trusts; of a board that knows, only what is missing."""
    files = {f"/etc/{Path(path).name}": (order.keys / Path(path).name).read_bytes() for path in _TRUST}
    files["/etc/device.json"] = json.dumps(who).encode()
    there = link.hashes(list(files))
    return {
        path: content
        for (path, content), has in zip(files.items(), there, strict=True)
        if has is None or order.new_identity
    }


def _forget(link: Link, order: Order) -> None:
    """All that made it the device it was but device.json: until the new one is there, it says that this is not over."""
    if not order.new_identity:
        return
    kept = {"/etc/device.json", *_TRUST}
    found = [path for path in link.call("listing", "/etc") if path not in kept]
    link.call("remove", [*found, "/data/job.json", "/boot.json", "/boot.new"])


def _remove_strangers(link: Link, spl: dict[str, bytes]) -> None:
    """A module.py would be imported in place of module.mpy, and a module of an older SPL in place of none."""
    found = [path for folder in _SPL_FOLDERS for path in link.call("listing", folder)]
    link.call("remove", [path for path in found if path not in spl])


def _look_again(link: Link, wanted: dict[str, bytes]) -> None:
    wrong = sorted(different(link, wanted))
    if wrong:
        raise FlashError(
            f"the board does not hold what was written: {', '.join(wrong[:5])}; run this again, then doubt its flash"
        )
