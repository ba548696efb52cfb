"""Attacks by what a manifest says, and by an index or a payload that is not its own.

The manifests here are signed by the release key: this is what is left to somebody who has stolen it, or who
replays what it once signed.
"""

import hashlib
import json

from tests.attacks.attack import Attack
from tests.attacks.forge import EVIL, NEW, RELEASE, RUNTIME, Forged, sealed
from wire import frel

NOT_VALID = "manifest: {} is not valid: {}".format
WRONG_INDEX = "the chunk index is not the one of the signed manifest"


def fields(**fields):
    return lambda: Forged(**fields)


def say(**changes):
    return lambda: Forged().say(**changes)


def path(path: str) -> Attack:
    """main.mpy is to be written there."""
    return Attack(NOT_VALID("files[1].path", ascii(path)[:80]), lambda: Forged().file(1, path=path))


def first(name: str, value: object) -> Attack:
    """A field of the first file."""
    return Attack(NOT_VALID("files[0]." + name, repr(value)), lambda: Forged().file(0, **{name: value}))


def part_size(name: str, size: int) -> Attack:
    """Of `index` or `payload`."""

    def forged():
        release = Forged()
        return release.say(**{name: {**json.loads(release.manifest)[name], "size": size}})

    return Attack(NOT_VALID(f"{name}.size", size), forged)


def twice():
    files = json.loads(Forged().manifest)["files"]
    return Forged().file(1, path=files[0]["path"])


def beneath_a_file():
    """app/empty.mpy as a file, and as a folder with a file in it."""
    return Forged().file(1, path="app/empty.mpy/main.mpy")


def swapped_index():
    release = Forged()
    index = release.index
    return release.replace(index=index[32:64] + index[:32] + index[64:])


def swapped_chunks():
    """Two chunks of main.mpy change places; index and manifest are the right ones."""
    release = Forged()
    payload = release.payload
    return release.replace(payload=payload[4096:8192] + payload[:4096] + payload[8192:])


def flipped(offset: int):
    def forged():
        release = Forged()
        payload = bytearray(release.payload)
        payload[offset] ^= 0x80
        return release.replace(payload=bytes(payload))

    return forged


def of(name: str):
    """The same release with one part of another one of equal sizes."""
    return lambda: Forged().replace(**{name: getattr(Forged(EVIL), name)})


def index_and_payload_of_another():
    return Forged().replace(index=Forged(EVIL).index, payload=Forged(EVIL).payload)


def file_hash_of_another():
    """Chunks, index and payload agree; only the hash of a file, which is checked last, does not."""
    return Forged().file(1, sha256=hashlib.sha256(b"another").hexdigest())


def runtime():
    release = Forged(kind="runtime")
    return release.replace(
        envelope=sealed("application/vnd.fieldrec.manifest+json", release.manifest, [RUNTIME])
    )


def runtime_by_an_app_key():
    return Forged(kind="runtime").sign(RELEASE)


def cut(part_cut: str, back: int = 1):
    """The file on the server ends inside of that part, `back` bytes before its end."""

    def forged():
        release = Forged()
        ends = {
            "header": frel.HEADER_SIZE,
            "envelope": frel.HEADER_SIZE + len(release.envelope),
            "index": frel.HEADER_SIZE + len(release.envelope) + len(release.index),
            "payload": len(release.bytes()),
        }
        return release.replace(cut=ends[part_cut] - back)

    return forged


CUT_OFF = "asked for bytes {}, got b'bytes {}'".format
AT_HEAD = "byte {at_payload} on: not what the signed manifest promises"
SIZE = sum(map(len, NEW.values()))
OVERFLOW = 2**63

ATTACKS = {
    # replayed, or for others
    "an old release": Attack("0.9.0 is not newer than 1.0.0", fields(version="0.9.0")),
    "the release that runs": Attack("1.0.0 is not newer than 1.0.0", fields(version="1.0.0")),
    "a candidate of what runs": Attack("1.0.0-rc.9 is not newer than 1.0.0", fields(version="1.0.0-rc.9")),
    "what runs, built anew": Attack("1.0.0+2 is not newer than 1.0.0", fields(version="1.0.0+2")),
    "under the floor": Attack("security version 1 is under the floor 2", floor=2),
    "under the floor, and forced": Attack(
        "security version 1 is under the floor 3", job={"forced": True}, floor=3
    ),
    "another board": Attack("made for esp32s3, this is virtual", fields(boards=["esp32s3"])),
    "a newer runtime needed": Attack(
        "requires runtime 9.0.0, 1.29.0 is running", fields(requires={"runtime": "9.0.0", "app": "0.0.0"})
    ),
    "a newer app needed": Attack(
        "requires app 1.0.1, 1.0.0 is running", fields(requires={"runtime": "1.26.0", "app": "1.0.1"})
    ),
    "a runtime as an app": Attack("release is of kind runtime, not app", runtime),
    "a runtime signed by a key for apps": Attack(
        "release is of kind runtime, not app", runtime_by_an_app_key
    ),
    "a job of a kind that is none": Attack(
        "a release of kind firmware is not known here", job={"kind": "firmware"}
    ),
    "a runtime for a board with room for one": Attack(
        "this board's flash holds one MicroPython only: none can be put beside it",
        runtime,
        job={"kind": "runtime"},
    ),
    # out of the slot, or over what holds it together
    "up and out": path("../b.mpy"),
    "down, up and out": path("app/../../etc/roots.json"),
    "from the root": path("/etc/roots.json"),
    "this folder": path("./main.mpy"),
    "only dots": path(".."),
    "the seal": path("seal"),
    "the manifest": path("manifest.json"),
    "backslashes": path("app\\main.mpy"),
    "an empty part": path("app//main.mpy"),
    "a folder": path("app/"),
    "no path": path(""),
    "a NUL": path("app/main.mpy\x00.txt"),
    "a letter that looks like another": path("app/m\u0430in.mpy"),
    "97 characters": path("a" * 48 + "/" + "b" * 48),
    "a number as a path": Attack(NOT_VALID("files[1].path", 7), lambda: Forged().file(1, path=7)),
    "a path twice": Attack(NOT_VALID("files[1].path", "'app/empty.mpy'"), twice),
    "a file that is a folder, too": Attack(NOT_VALID("files[0].path", "'app/empty.mpy'"), beneath_a_file),
    # sizes and places
    "a negative size": first("size", -1),
    "a size of 2^63": first("size", OVERFLOW),
    "a size that is a fraction": first("size", 0.5),
    "a size that is true": first("size", True),
    "a size in text": first("size", "0"),
    "a negative offset": first("offset", -4096),
    "an offset into the next file": first("offset", 1),
    "an offset of 2^64": first("offset", 2**64),
    "a size that overflows the sum": Attack(
        NOT_VALID("files[1].offset", 0), lambda: Forged().file(0, size=frel.MAX_PAYLOAD)
    ),
    "a payload larger than its files": part_size("payload", SIZE + 1),
    "an index larger than its chunks": part_size("index", 320),
    "a hash in capitals": first("sha256", "A" * 64),
    "257 files": Attack(NOT_VALID("files", str([7] * 257)[:80]), say(files=[7] * 257)),
    "no file": Attack(NOT_VALID("files", "[]"), say(files=[])),
    "format 2": Attack(NOT_VALID("format", 2), say(format=2)),
    "format true": Attack(NOT_VALID("format", True), say(format=True)),
    "no board": Attack(NOT_VALID("boards", "[]"), say(boards=[])),
    "a version of two numbers": Attack(NOT_VALID("version", "'1.1'"), say(version="1.1")),
    "a negative security version": Attack(NOT_VALID("security_version", -1), say(security_version=-1)),
    # index and payload
    "an index bit": Attack(
        WRONG_INDEX, lambda: Forged().replace(index=Forged().index[:-1] + bytes([Forged().index[-1] ^ 1]))
    ),
    "hashes of the index swapped": Attack(WRONG_INDEX, swapped_index),
    "the index of another release": Attack(WRONG_INDEX, of("index")),
    "index and payload of another release": Attack(WRONG_INDEX, index_and_payload_of_another),
    "the payload of another release": Attack(AT_HEAD, of("payload"), touched=True),
    "chunks swapped": Attack(AT_HEAD, swapped_chunks, touched=True),
    "the first payload bit": Attack(AT_HEAD, flipped(0), touched=True),
    "a bit of the third chunk": Attack(
        "byte {at_third} on: not what the signed manifest promises", flipped(2 * 4096 + 5), touched=True
    ),
    "the hash of a file": Attack(
        "the spare slot could not be written: {b}/app/main.mpy was changed: its SHA-256 is not the manifest's",
        file_hash_of_another,
        ends="Failed",
        touched=True,
    ),
    # cut off: the server has no more
    "cut off in the header": Attack(CUT_OFF("0-19", "0-18/19"), cut("header"), ends="Interrupted"),
    "cut off in the envelope": Attack(
        CUT_OFF("20-{envelope_last}", "20-{envelope_cut}/{envelope_last}"),
        cut("envelope"),
        ends="Interrupted",
    ),
    "cut off in the index": Attack(
        CUT_OFF("{index_first}-{index_last}", "{index_first}-{index_cut}/{index_last}"),
        cut("index"),
        ends="Interrupted",
    ),
    "cut off in the payload": Attack(
        CUT_OFF("{at_payload}-{wanted_last}", "{at_payload}-{payload_cut}/{payload_end}"),
        cut("payload", SIZE - 5000),
        ends="Interrupted",
        touched=True,
    ),
    "nothing at all": Attack(
        "status 416: range not satisfiable", lambda: Forged().replace(cut=0), ends="Interrupted"
    ),
}
