"""`fieldrec board doctor`: what a board is, row by row, and what to do about what is wrong. Changes nothing on it."""

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cryptography import x509

from tools.board.flash import FlashError, check_interpreter
from tools.board.link import DeviceError, Link
from tools.release_build import PROJECT

GOOD, NOTE, WRONG = "ok", "note", "wrong"
_ROOM_LOW = 500_000  # bytes: a release is about 125 KB, and the slot that is filled needs as much again
_HEAP_LOW = 60_000
_CLOCK_OFF_S = 120
_RENEW = timedelta(days=30)
_FLASH = "run `fieldrec board flash`: what is right stays, and so does the identity"
_EMPTY = "empty, until the first update"
_RECOVER = "run `fieldrec board recover`"


@dataclass(frozen=True)
class Row:
    what: str
    verdict: str
    found: str
    to_do: str = ""


def examine(link: Link, now: datetime | None = None) -> list[Row]:
    """All rows, in the order in which to look at them. A board without an SPL gets the first ones only."""
    link.load("files")
    rows = [_interpreter(link.call("interpreter"))]
    link.call("fresh")
    link.load("doctor")
    for what, name, judge, to_do in _CHECKS:
        told = link.call("fact", name)
        if "error" in told:
            rows.append(Row(what, WRONG, told["error"], _advice(told["error"], to_do)))
        else:
            rows.append(judge(what, told["is"], to_do))
        if name == "files" and rows[-1].verdict == WRONG:
            return rows
    return [
        *_slots(rows),
        _clock(link, now or datetime.now(UTC)),
        _certificate(link, now or datetime.now(UTC)),
    ]


def is_wrong(rows: list[Row]) -> bool:
    return any(row.verdict == WRONG for row in rows)


def must_not_restart(rows: list[Row]) -> bool:
    """Whether the board would go to sleep at once (row 1 of the SPL's table), out of the reach of this cable."""
    return any(row.verdict == WRONG and row.what in ("gauge", "thermistor") for row in rows)


def _interpreter(found: dict) -> Row:
    version = ".".join(map(str, found["version"]))
    words = f"{found['name']} {version}, {found['machine'] or found['platform']}"
    try:
        check_interpreter(found)
    except FlashError:
        return Row("runtime", WRONG, words, "put MicroPython 1.26 or newer on it (docs/boards.md)")
    return Row("runtime", GOOD, words)


def _images(what: str, found: dict, to_do: str) -> Row:
    words = f"{', '.join(found['labels'])}; {found['running']} runs"
    if len(found["labels"]) < 2:
        return Row(
            what,
            NOTE,
            words,
            "one image only: apps can be updated, MicroPython itself can't (docs/boards.md)",
        )
    return Row(what, GOOD, words)


def _files(what: str, missing: list[str], to_do: str) -> Row:
    return (
        Row(what, WRONG, f"missing: {', '.join(missing)}", to_do) if missing else Row(what, GOOD, "all there")
    )


def _room(what: str, found: list[int], to_do: str) -> Row:
    free, total = found
    words = f"{free // 1024} of {total // 1024} KiB free"
    return Row(what, WRONG if free < _ROOM_LOW else GOOD, words, to_do if free < _ROOM_LOW else "")


def _record(what: str, found: dict, to_do: str) -> Row:
    words = f"slot {found['active']}, {found['state']}, floor {found['security_floor']}"
    if found["reason"]:
        return Row(what, NOTE, f"{words}; {found['reason']}", "docs/updates.md says what that means")
    return Row(what, GOOD, words)


def _text(what: str, found: object, to_do: str) -> Row:
    return Row(what, GOOD, str(found) or _EMPTY)


def _slots(rows: list[Row]) -> list[Row]:
    """No update comes to a board of which no slot boots: one is filled by cable."""
    slots = [row for row in rows if row.what in ("slot a", "slot b")]
    if any(row.verdict == GOOD and row.found != _EMPTY for row in slots):
        return rows
    return [replace(row, to_do=_RECOVER) if row in slots and row.verdict == WRONG else row for row in rows]


def _keyring(what: str, version: int, to_do: str) -> Row:
    return Row(what, GOOD, f"keyring {version}")


def _gauge(what: str, found: list, to_do: str) -> Row:
    name, vbat_mv, soc_pct = found
    words = f"{name}, {vbat_mv} mV, {'?' if soc_pct is None else soc_pct} %"
    if vbat_mv <= 3400:
        return Row(what, WRONG, words, "charge the cell: at or under 3400 mV the device stays off")
    return Row(what, GOOD, words)


def _thermistor(what: str, decic: int, to_do: str) -> Row:
    words = f"{decic / 10:.1f} C"
    if decic >= 550:
        return Row(what, WRONG, words, "let it cool: at or over 55.0 C the device stays off")
    return Row(what, GOOD, words)


def _card(what: str, found: list[int], to_do: str) -> Row:
    free, total = found
    if not total:
        return Row(what, NOTE, "no card", "put one in; without it recordings go to the small internal flash")
    return Row(what, GOOD, f"{free >> 20} of {total >> 20} MiB free")


def _microphone(what: str, found: list[int], to_do: str) -> Row:
    count, low, high = found
    words = f"{count} samples from {low} to {high}"
    return Row(what, WRONG, words, to_do) if not count or low == high else Row(what, GOOD, words)


def _wifi(what: str, found: dict, to_do: str) -> Row:
    names, wanted = [name for name, _ in found["found"]], found["wanted"]
    words = f"{len(names)} networks in reach"
    if not wanted:
        return Row(
            what, NOTE, words, "none is set: `fieldrec board provision --wifi NAME`, or the local page"
        )
    if wanted not in names:
        return Row(
            what, WRONG, f"{words}, {wanted!r} is not", "bring the board nearer, or set another network"
        )
    return Row(
        what, GOOD, f"{wanted!r} at {max(level for name, level in found['found'] if name == wanted)} dBm"
    )


def _heap(what: str, free: int, to_do: str) -> Row:
    return Row(
        what,
        WRONG if free < _HEAP_LOW else GOOD,
        f"{free // 1024} KiB free",
        to_do if free < _HEAP_LOW else "",
    )


def _clock(link: Link, now: datetime) -> Row:
    told = link.call("fact", "clock")["is"]
    off_s = (datetime(*told).replace(tzinfo=UTC) - now).total_seconds()
    if abs(off_s) > _CLOCK_OFF_S:
        return Row(
            "clock", NOTE, f"off by {off_s:.0f} s", "it sets itself once it is online; provision sets it, too"
        )
    return Row("clock", GOOD, f"{datetime(*told):%Y-%m-%d %H:%M} UTC")


def _certificate(link: Link, now: datetime) -> Row:
    what = "certificate"
    try:
        certificate = x509.load_der_x509_certificate(link.read("/etc/cert.der"))
    except DeviceError:
        return Row(
            what, NOTE, "none", "`fieldrec board provision` gets one; without it the device works offline"
        )
    except ValueError as error:
        return Row(what, WRONG, f"can't be read: {error}", "`fieldrec board provision --again`")
    until = certificate.not_valid_after_utc
    words = f"until {until:%Y-%m-%d}"
    if until <= now:
        return Row(what, WRONG, f"{words}: over", "`fieldrec board provision --again`")
    if until - now < _RENEW:
        return Row(what, NOTE, words, "`fieldrec board provision --again`, soon")
    return Row(what, GOOD, words)


def _advice(error: str, to_do: str) -> str:
    """A fault code's own advice, out of the one table (board/faults.py), which imports what only boards have."""
    return _faults().get(error[:3], to_do)


def _faults() -> dict[str, str]:
    for node in ast.parse((PROJECT / "board/faults.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TABLE":
            return {code: to_do for code, (_, to_do) in ast.literal_eval(node.value).items()}
    raise ValueError("board/faults.py has no TABLE")


# (what is shown, the fact's name, how it is judged, what to do if it can't be had)
_CHECKS: tuple[tuple[str, str, Callable[..., Row], str], ...] = (
    ("images", "images", _images, "is it an ESP32? docs/boards.md"),
    ("free flash", "room", _room, "remove recordings and files of yours from the flash: `mpremote fs ls :`"),
    ("heap", "heap", _heap, "a board with PSRAM, and a MicroPython built for it (docs/boards.md)"),
    ("files", "files", _files, _FLASH),
    ("boot record", "record", _record, _FLASH),
    ("slot a", "slot_a", _text, "the next update fills it"),
    ("slot b", "slot_b", _text, "the next update fills it"),
    ("trust", "trust", _keyring, _FLASH + "; with --new-identity if roots or keyring are damaged"),
    ("gauge", "gauge", _gauge, "look at the wires of the gauge (docs/boards.md)"),
    ("thermistor", "thermistor", _thermistor, "look at the wires of the thermistor"),
    ("card", "card", _card, "format it as FAT32 in a computer"),
    (
        "microphone",
        "microphone",
        _microphone,
        "it is silent: look at its wires, its power and its left-right pin",
    ),
    ("WiFi", "wifi", _wifi, "is it an ESP32 with a radio?"),
)
