"""A signed release into a slot by the cable: the board's own code judges it first, and seals it last."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tools import release
from tools.board.files import Writer
from tools.board.link import Link, Name
from wire import dsse


@dataclass(frozen=True)
class Load:
    """What is to go into a slot: its files by their absolute paths, and what proves them."""

    slot: str
    version: str
    files: dict[str, bytes]
    envelope: bytes
    manifest: bytes
    keyrings: tuple[bytes, ...]


def load(path: Path, slot: str) -> Load:
    """A release of apps. FormatError or ValueError if it is none; who signed it is for the board to judge."""
    manifest = release.inspect(path)["manifest"]
    if manifest["kind"] != "app":
        raise ValueError(f"{path} is of kind {manifest['kind']}: by the cable only an app goes into a slot")
    parts = release.read(path)
    files = {f"/{slot}/{each['path']}": release.content_of(parts.payload, each) for each in manifest["files"]}
    raw = dsse.parse(parts.envelope)[1]
    return Load(slot, manifest["version"], files, parts.envelope, raw, parts.keyrings)


def is_there(link: Link, wanted: Load) -> bool:
    """Whether the slot holds just this, whole and sealed. The script `slot` is loaded."""
    digest = link.hashes([f"/{wanted.slot}/manifest.json"])[0]
    same = digest == hashlib.sha256(wanted.manifest).hexdigest()
    return same and link.call("good_slots")[wanted.slot] is not None


def put(link: Link, wanted: Load, board: str, writer: Writer) -> None:
    """Judge, unseal, write, seal, and make it what starts. DeviceError has the board's words of a refusal.

    The board's SPL is in place, and the scripts `files` and `slot` are loaded.
    """
    link.send("envelope", wanted.envelope)
    for number, keyring in enumerate(wanted.keyrings):
        link.send(f"keyring{number}", keyring)
    keyrings = "".join(f"keyring{number}, " for number in range(len(wanted.keyrings)))
    link.call("accept", board, Name("envelope"), Name(f"({keyrings})"))
    if is_there(link, wanted) and not writer.stale & wanted.files.keys():
        link.call("choose", wanted.slot)
        return
    link.call("unseal", wanted.slot)
    writer.write(wanted.files)
    link.call("seal", wanted.slot)
