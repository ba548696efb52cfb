"""Attacks by whoever writes the flash: on the boot record, the seals and the files of the slots.

The seal's key is on the same flash. Without the chip's flash encryption whoever reads it makes seals at will;
these rows are about everybody else. UNSEEN says which changes of the flash nothing on the device can notice.
"""

import binascii
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.update.workshop import Device

RECORD = {
    "active": "a", "state": "confirmed", "tries_left": 3, "previous": None, "security_floor": 4, "reason": "",
    "release": "", "runtime": None, "runtime_floor": 0,
}  # fmt: skip
DEFAULT = {**RECORD, "security_floor": 1, "reason": "boot record was unreadable"}  # the floor of what runs


Change = Callable[[Device], Any]


def record(**changes) -> bytes:
    """A boot record as it lies on the flash, its CRC right."""
    text = json.dumps({**RECORD, **changes}).encode()
    return text + b"\n%08x" % binascii.crc32(text)


def kept(data: bytes) -> Change:
    """The boot record is these bytes."""
    return lambda device: (device.root / "boot.json").write_bytes(data)


def write(path: str, data: bytes) -> Change:
    def change(device: Device) -> None:
        target = device.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    return change


def change(path: str, edit: Callable[[bytes], bytes]) -> Change:
    return lambda device: write(path, edit((device.root / path).read_bytes()))(device)


def remove(path: str) -> Change:
    return lambda device: (device.root / path).unlink()


def flip(data: bytes, at: int = 20) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def older_manifest(data: bytes) -> bytes:
    return data.replace(b'"1.0.0"', b'"0.9.0"', 1)


def foreign_seal(device: Device) -> None:
    """The same release, sealed by another device."""
    manifest = (device.root / "a/manifest.json").read_bytes()
    write("a/seal", hmac.digest(bytes(32), manifest, "sha256"))(device)


def seal_of_other_manifest(device: Device) -> None:
    secret = (device.root / "etc/seal.key").read_bytes()
    write("a/seal", hmac.digest(secret, b"{}", "sha256"))(device)


def empty_secret(device: Device) -> None:
    """Anybody can make the seals of an empty key."""
    write("etc/seal.key", b"")(device)
    manifest = (device.root / "a/manifest.json").read_bytes()
    write("a/seal", hmac.digest(b"", manifest, "sha256"))(device)


def both(*changes: Change) -> Change:
    return lambda device: [each(device) for each in changes]


@dataclass(frozen=True)
class Tampering:
    """`words`: what is wrong with slot a. `slot`: what starts then; b holds a good older release, unless `only_a`.

    `record`: what the boot record says afterwards.
    """

    change: Change
    words: str = ""
    slot: str = "a"
    record: dict = field(default_factory=lambda: RECORD)
    only_a: bool = False


def on_slot_a(change: Change, words: str) -> Tampering:
    """Slot a does not start, b does, and the record says why."""
    return Tampering(change, words, "b", {**RECORD, "active": "b", "reason": words})


def unreadable(data: bytes) -> Tampering:
    """A record that can't be believed: none is on the flash then, the default is used, and the seal decides."""
    return Tampering(kept(data), record=DEFAULT)


ATTACKS = {
    # the boot record: what is not whole is not believed
    "a torn record": unreadable(record()[:50]),
    "a record without its CRC": unreadable(record()[:-9]),
    "a bit of the record": unreadable(flip(record())),
    "a bit of its CRC": unreadable(flip(record(), len(record()) - 1)),
    "the CRC of another record": unreadable(record(active="b").partition(b"\n")[0] + record()[-9:]),
    "99 tries": unreadable(record(state="trial", tries_left=99, previous="b")),
    "a slot c": unreadable(record(active="c")),
    "a state that is none": unreadable(record(state="forever")),
    "a floor under zero": unreadable(record(security_floor=-1)),
    "a floor under zero for runtimes": unreadable(record(runtime_floor=-1)),
    "a runtime on trial that is none": unreadable(record(runtime={"label": "ota_9"})),
    "an empty record": unreadable(b""),
    "a list as a record": unreadable(b"[]\n%08x" % binascii.crc32(b"[]")),
    # a record that names a slot which is not good
    "the record names an empty slot": Tampering(
        kept(record(active="b")), "", "a", {**RECORD, "reason": "/b/manifest.json is missing"}, only_a=True
    ),
    "a trial of an empty slot": Tampering(
        kept(record(active="b", state="trial", previous="a")),
        "",
        "a",
        {**RECORD, "reason": "/b/manifest.json is missing"},
        only_a=True,
    ),
    # a slot that is not what was sealed
    "no seal": on_slot_a(remove("a/seal"), "/a/seal is missing"),
    "half a seal": on_slot_a(change("a/seal", lambda seal: seal[:16]), "/a/seal does not fit manifest.json"),
    "a seal and a byte": on_slot_a(
        change("a/seal", lambda seal: seal + b"x"), "/a/seal does not fit manifest.json"
    ),
    "the seal of another device": on_slot_a(foreign_seal, "/a/seal does not fit manifest.json"),
    "the seal of another manifest": on_slot_a(seal_of_other_manifest, "/a/seal does not fit manifest.json"),
    "no manifest": on_slot_a(remove("a/manifest.json"), "/a/manifest.json is missing"),
    "another manifest": on_slot_a(
        change("a/manifest.json", older_manifest), "/a/seal does not fit manifest.json"
    ),
    "a byte of a file": on_slot_a(
        change("a/app/main.mpy", flip), "/a/app/main.mpy was changed: its SHA-256 is not the manifest's"
    ),
    "a file one byte shorter": on_slot_a(
        change("a/app/main.mpy", lambda data: data[:-1]), "/a/app/main.mpy is shorter than 20580 bytes"
    ),
    "a file one byte longer": on_slot_a(
        change("a/app/main.mpy", lambda data: data + b"\0"), "/a/app/main.mpy is longer than 20580 bytes"
    ),
    "a file gone": on_slot_a(remove("a/board/pins.mpy"), "/a/board/pins.mpy is missing"),
    "main.py beside main.mpy": on_slot_a(
        write("a/app/main.py", b"evil"), "/a/app/main.py is not in the manifest"
    ),
    "a package in front of a module": on_slot_a(
        write("a/board/pins/__init__.py", b"evil"), "/a/board/pins/__init__.py is not in the manifest"
    ),
    # nothing good is left
    "both slots": Tampering(
        both(remove("b/seal"), change("a/app/main.mpy", flip)),
        "/a/app/main.mpy was changed: its SHA-256 is not the manifest's",
        "",
    ),
    "an empty secret": Tampering(empty_secret, "/etc/seal.key holds 0 bytes, not 32", ""),
    "no secret": Tampering(remove("etc/seal.key"), "/etc/seal.key is missing", ""),
}

# What nothing on the device can notice, and what is left against it
UNSEEN = {
    # the record has a CRC against accidents, no seal; the floor of the release that runs is what is left
    "the floor lowered, with a right CRC": Tampering(
        kept(record(security_floor=0)), record={**RECORD, "security_floor": 1}
    ),
    # a good older release of this very device: it was signed, installed and sealed here once
    "the record set to the other slot, with a right CRC": Tampering(
        kept(record(active="b")), slot="b", record={**RECORD, "active": "b"}
    ),
    # a new device has none, so that its absence is no fault; the floor is that of the release that runs
    "the record removed": Tampering(remove("boot.json"), record={**DEFAULT, "reason": ""}),
}
