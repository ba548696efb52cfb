"""Run by test_learning.py inside MicroPython: the power goes at each flash operation while a keyring is learnt.

Arguments: a folder with roots.json, keyring.json, and the keyrings `rotation` (new roots, signed by old and new),
`next` (signed by the new roots alone) and `revoked` (signed by the old root alone).
"""

import json
import os
import sys

from bootloader import trust
from tests.boot.flash import Flash, mounted, unmount

HERE = sys.argv[1] + "/"


def content(name):
    with open(HERE + name, "rb") as file:
        return file.read()


def new_device():
    """The flash of a device that knows the first keyring and its roots."""
    flash = Flash(8)
    root = mounted(flash, new=True)
    os.mkdir(root + "/etc")
    for name in ("roots.json", "keyring.json"):
        with open(root + "/etc/" + name, "wb") as file:
            file.write(content(name))
    unmount()
    return bytes(flash.data)


def cut_everywhere(before, envelope):
    """The flash after each cut, and after none."""
    cut = 1
    while True:
        flash = Flash(data=bytearray(before), cut_at=cut)
        try:
            trust.learn(envelope, mounted(flash))
            unmount()
        except OSError:
            unmount()
        yield flash.data
        if cut > flash.operations:
            return
        cut += 1


def state(root):
    """(version of the keyring, version of the roots' file) of a device that trusts what it has."""
    with open(root + "/etc/roots.json") as file:
        roots = json.load(file)
    return trust.open_keyring(root)["version"], roots["version"]


def goes_on(data, start):
    """What the device knew after the cut; then it learns the rest, and the old root is none any more."""
    root = mounted(Flash(data=data))
    found = state(root)
    if found[0] == start:
        assert trust.learn(content("rotation" if start == 1 else "next"), root)
    trust.learn(content("next"), root)
    assert state(root) == (3, 2), state(root)
    try:
        trust.learn(content("revoked"), root)
        raise AssertionError("a root that was removed can still sign")
    except trust.TrustError:
        unmount()
    return found


def main():
    first: dict = {}
    for data in cut_everywhere(new_device(), content("rotation")):
        kept = bytes(data)
        found = goes_on(data, 1)
        first[found] = (kept, first.get(found, (None, 0))[1] + 1)
    between = first[(2, 1)][0]  # the keyring is new, the roots' file is not: the cut after the cut
    again: dict = {}
    for data in cut_everywhere(between, content("next")):
        found = goes_on(data, 2)
        again[found] = again.get(found, 0) + 1
    print(json.dumps([sorted(first), sorted(again), sum(n for _, n in first.values()), sum(again.values())]))


main()
