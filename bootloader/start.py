"""Choose a slot, check it, and start its app. Neither boots: RECOVERY, an open REPL."""

import gc
import sys

from micropython import const

from board.watchdog import Watchdog
from bootloader import bootctl
from bootloader.modules import unload

_TIDY = const(32768)  # bytes: while modules load, a collection after each so many keeps them close together
_STAY = ("bootloader", "bootloader.bootctl", "bootloader.modules", "bootloader.start")

# what the app is told of its start
slot = ""
version = ""
security_version = 0
decision: dict = {}


def run():
    if not prepare():
        recovery()
        return
    watchdog = Watchdog()  # whatever the app does from its first line on, it does under the watchdog
    hand_over("/" + slot)
    try:
        __import__("app.main", None, None, ("start",)).start()
    except KeyboardInterrupt:
        watchdog.give_way()
        print("spl: stopped from the serial port, the REPL has half an hour")


def prepare():
    """Take over from the SPL and choose a slot; False if none boots. Nothing large outlives this call's frame."""
    from bootloader import spl

    global slot, version, security_version, decision
    decision = spl.decision
    gc.collect()  # what comes now lies close together: the check of a slot needs room in one piece
    record = bootctl.load()
    if record["runtime"]:
        from bootloader import runtime

        runtime.settle(spl.board, decision["state"], record)
    slot, manifest = choose()
    if slot:
        version, security_version = manifest["version"], manifest["security_version"]
        print("spl: slot", slot, version)
    return slot


def choose():
    """(slot, its manifest) of the slot to start: the chosen one, else the other; ("", {}) if neither is good."""
    from bootloader import slots

    kept = bootctl.load()
    first, record = bootctl.next_boot(kept)
    if record != kept:
        bootctl.save(record)
    reason = ""
    for name in (first, slots.spare({"active": first})):
        try:
            good = slots.check(name)
        except slots.SlotError as error:
            print("spl:", error)
            reason = reason or str(error)
            continue
        after = record if name == record["active"] else bootctl.revert(record, reason, name)
        after = bootctl.started(after, good["security_version"])
        if after != record:
            bootctl.save(after)
        return name, good
    return "", {}


def hand_over(folder):
    """From here on `board`, `app` and `wire` are the slot's own. What else is of `bootloader` leaves memory."""
    loaded = [name for name in sys.modules if name.split(".")[0] in ("board", "bootloader", "wire")]
    unload(*[name for name in loaded if name not in _STAY])
    sys.path.insert(0, folder)
    gc.threshold(_TIDY)
    gc.collect()


def recovery():
    """Both lights on, the load off. The watchdog's half hour ends it: the SPL looks at the battery again."""
    from bootloader import spl

    record = bootctl.load()
    if record["runtime"]:
        from bootloader import runtime

        runtime.leave(spl.board, record, "no slot boots with it")
    spl.board.indicators.show(True, True)
    Watchdog().give_way()
    print("spl: RECOVERY: no slot boots; the REPL is open for mpremote")
