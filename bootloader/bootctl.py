"""The boot record: which slot to start, and whether it is on trial. One small file, replaced as a whole.

    active            "a" | "b", the slot to start
    state             "confirmed" | "trial"
    tries_left        starts of a trial that remain
    previous          the slot to go back to, or null
    security_floor    lowest security_version that may be installed; never binds the slot to fall back to
    reason            why the last trial was given up, "" if it was not
    release           digest of the release on trial, or last tried
    runtime           the trial of a MicroPython image (bootloader/runtime), or null
    runtime_floor     as security_floor, for those images

On disk: JSON, a line end, and the CRC-32 of the JSON in hex. A power cut leaves the old or the new one: the
new one is written and closed beside the old, then renamed over it, which littlefs does in one commit (its
DESIGN.md, "The move problem"). Changes are functions from a record to a record; nothing here touches a slot.
"""

import binascii
import json
import os

from micropython import const

SLOTS = ("a", "b")
TRIES = 3

_CONFIRMED = "confirmed"
_TRIAL = "trial"
MAX_TEXT = 200  # characters of reason and release
_MAX_SIZE = const(3072)  # bytes of a record, each character of both written as six


def default(reason=""):
    """The record of a new device."""
    return {
        "active": "a",
        "state": _CONFIRMED,
        "tries_left": TRIES,
        "previous": None,
        "security_floor": 0,
        "reason": reason,
        "release": "",
        "runtime": None,
        "runtime_floor": 0,
    }


def load(root=""):
    """The record; a bad one gives the default and says so: whether a slot boots is for its seal to say."""
    try:
        with open(root + "/boot.json", "rb") as file:
            size = os.stat(root + "/boot.json")[6]
            text = file.read(min(_MAX_SIZE, size))  # all of it is allocated at once
    except OSError:
        return default()
    record = _parse(text)
    return default("boot record was unreadable") if record is None else record


def save(record, root=""):
    if not _is_valid(record):
        raise ValueError(f"not a boot record: {str(record)[:MAX_TEXT]}")
    text = json.dumps(record).encode()
    with open(root + "/boot.new", "wb") as file:
        file.write(text)
        file.write(b"\n%08x" % binascii.crc32(text))
    os.rename(root + "/boot.new", root + "/boot.json")


def on_trial(record):
    """What is on trial, a kind of release: "app", "runtime", or "" if nothing is."""
    if record["state"] == _TRIAL:
        return "app"
    return "runtime" if record["runtime"] else ""


def floor(record, kind):
    """The lowest security_version of that kind that may be installed."""
    return record["security_floor" if kind == "app" else "runtime_floor"]


def next_boot(record):
    """(slot to start, record to save before it is started). A try is counted before the image runs."""
    if record["state"] == _TRIAL:
        if record["tries_left"] > 0:
            record = changed(record, tries_left=record["tries_left"] - 1)
        else:
            record = revert(record, f"slot {record['active']} was not confirmed in {TRIES} tries")
    return record["active"], record


def started(record, security_version):
    """The active slot is good. What was confirmed is at the floor: a record that was lost finds its floor again."""
    if record["state"] == _TRIAL or security_version <= record["security_floor"]:
        return record
    return changed(record, security_floor=security_version)


def start_trial(record, slot, release=""):
    """Start `slot` at the next boot, on trial. ValueError if it is running, or another trial is not over."""
    refuse_second_trial(record)
    if slot == record["active"] or slot not in SLOTS:
        raise ValueError(f"slot {slot} can't be tried: slot {record['active']} is running")
    running = record["active"]
    record = changed(record, active=slot, previous=running, release=release)
    return changed(record, state=_TRIAL, tries_left=TRIES, reason="")


def refuse_second_trial(record):
    if record["state"] == _TRIAL:
        raise ValueError(f"slot {record['active']} is on trial: confirm or revert it first")
    if record["runtime"]:
        raise ValueError(f"the runtime in {record['runtime']['label']} is on trial: wait for its end")


def confirm(record, security_version):
    """The running slot is good. Only now the floor rises: before, it would close the way back."""
    floor = max(record["security_floor"], security_version)
    return changed(record, state=_CONFIRMED, tries_left=TRIES, security_floor=floor, reason="")


def revert(record, reason, slot=None):
    """Back to `slot`, else to the previous one, which was confirmed once. Without either the active slot stays."""
    active = slot or record["previous"] or record["active"]
    record = changed(record, active=active, previous=None, reason=reason[:MAX_TEXT])
    return changed(record, state=_CONFIRMED, tries_left=TRIES)


def changed(record, **changes):
    record = dict(record)
    record.update(changes)
    return record


def _parse(text):
    """The record of a file's bytes, or None."""
    body, _, crc = text.partition(b"\n")
    if crc != b"%08x" % binascii.crc32(body):
        return None
    try:
        record = json.loads(body)
    except ValueError:
        return None
    if type(record) is dict:
        for name, value in _LATER:  # a record of a loader that did not know them
            record.setdefault(name, value)
    return record if _is_valid(record) else None


def _is_valid(record):
    return type(record) is dict and all(is_right(record.get(name)) for name, is_right in _FIELDS)


def _is_count(value):
    return type(value) is int and value >= 0


def _is_text(value):
    return type(value) is str and len(value) <= MAX_TEXT


def _is_runtime(value):
    if value is None:
        return True
    from bootloader import runtime  # seldom: only while one is on trial

    return runtime.is_valid(value)


_LATER = (("runtime", None), ("runtime_floor", 0))

_FIELDS = (
    ("active", lambda v: v in SLOTS),
    ("state", lambda v: v in (_CONFIRMED, _TRIAL)),
    ("tries_left", lambda v: _is_count(v) and v <= TRIES),
    ("previous", lambda v: v is None or v in SLOTS),
    ("security_floor", _is_count),
    ("reason", _is_text),
    ("release", _is_text),
    ("runtime", _is_runtime),
    ("runtime_floor", _is_count),
)
