"""Sent to a board's REPL: a release into a slot, judged by the board's own code before anything is sealed."""

import os

from board import runtime
from bootloader import bootctl, slots, trust
from wire import semver

_accepted: tuple = ()  # (manifest, its bytes)


def make_secret():
    """The secret of the seals, if there is none: made here, and never told."""
    try:
        slots.device_secret()
        return False
    except slots.SlotError:
        pass
    try:  # an ESP32's generator is at its best while the radio is on
        import network

        network.WLAN(network.STA_IF).active(True)
    except (ImportError, OSError):
        pass
    with open("/etc/seal.new", "wb") as file:
        file.write(os.urandom(32))
    os.rename("/etc/seal.new", "/etc/seal.key")
    return True


def accept(board, envelope, keyrings):
    """Refuse the release of an envelope, in words, or keep its manifest for `seal`. Its version."""
    global _accepted
    for keyring in keyrings:
        trust.learn(bytes(keyring))
    manifest, raw = trust.verify_release(bytes(envelope), "app")
    floor = bootctl.floor(bootctl.load(), "app")
    if board not in manifest["boards"]:
        raise ValueError(f"the release is for {', '.join(manifest['boards'])}, this board is {board}")
    if manifest["security_version"] < floor:
        raise ValueError(f"security version {manifest['security_version']} is below the floor {floor}")
    needed, found = manifest["requires"]["runtime"], runtime.version()
    if semver.parse(found) < semver.parse(needed):
        raise ValueError(f"the release requires MicroPython {needed}, here is {found}")
    _accepted = manifest, raw
    return manifest["version"]


def good_slots():
    """{slot: version, or None if it is bad}."""
    return {slot: _version(slot) for slot in slots.SLOTS}


def _version(slot):
    try:
        return slots.check(slot)["version"]
    except (slots.SlotError, OSError, ValueError, KeyError):
        return None


def unseal(slot):
    """Before a slot's first byte changes. Its folder is there afterwards."""
    slots.invalidate(slot)
    try:
        os.mkdir("/" + slot)
    except OSError as error:
        if error.errno != 17:  # EEXIST
            raise


def seal(slot):
    """Close the slot with what was accepted, look at it as a start does, and let it be what starts."""
    manifest, raw = _accepted
    slots.write_seal(slot, raw)
    try:
        slots.check(slot)
    except slots.SlotError:
        slots.invalidate(slot)
        raise
    choose(slot)
    return manifest["version"]


def choose(slot):
    """The slot, which is good, is what starts; a trial is over, the floor stays."""
    record = bootctl.load()
    if record["active"] != slot or record["state"] != "confirmed":
        record = bootctl.revert(record, "put here by cable", slot)
    bootctl.save(bootctl.started(record, _accepted[0]["security_version"]))
