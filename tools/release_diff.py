"""What an update takes: what a device that runs one release fetches for another, by the device's own rules.

A chunk is copied if the running slot has it in the same file at the same place; chunks to be fetched that follow
each other are one request. The spare slot is taken as empty: whatever it happens to hold is less to fetch.
"""

import hashlib
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tools import release
from wire import frel


@dataclass(frozen=True)
class FileCost:
    """One file of the new release: `fetched` of its `chunks` come over the network, `bytes` in all."""

    path: str
    size: int
    chunks: int
    fetched: int
    bytes: int
    is_new: bool


@dataclass(frozen=True)
class Diff:
    """`requests` and `bytes` are of the payload, `head_requests` and `head_bytes` of all before it."""

    files: list[FileCost]
    removed: list[str]
    requests: int
    bytes: int
    head_requests: int
    head_bytes: int
    whole: int  # bytes of the new release's file


def diff(old: Path, new: Path) -> Diff:
    """FormatError says which of the two is no release."""
    running, said = _read(old)
    wanted, manifest = _read(new)
    before = {file["path"]: release.content_of(running.payload, file) for file in said["files"]}
    chunks = list(frel.chunks(manifest["files"]))
    hashes = [wanted.index[at : at + frel.HASH_SIZE] for at in range(0, len(wanted.index), frel.HASH_SIZE)]
    fetched = [
        hashlib.sha256(before.get(file["path"], b"")[offset : offset + length]).digest() != sha256
        for (file, offset, length), sha256 in zip(chunks, hashes, strict=True)
    ]
    files = [_cost(file, chunks, fetched, before) for file in manifest["files"]]
    return Diff(
        files=files,
        removed=sorted(before.keys() - {file.path for file in files}),
        requests=sum(is_fetched for is_fetched, _ in groupby(fetched)),
        bytes=sum(file.bytes for file in files),
        head_requests=3 + 2 * len(wanted.keyrings),
        head_bytes=_head_bytes(wanted),
        whole=new.stat().st_size,
    )


def _read(path: Path) -> tuple[release.Release, dict]:
    """(parts, manifest)."""
    try:
        return release.read(path), release.inspect(path)["manifest"]
    except ValueError as error:
        raise frel.FormatError(f"{path}: {error}") from None


def _cost(file: dict, chunks: list, fetched: list[bool], before: dict[str, bytes]) -> FileCost:
    mine = [
        (length, is_fetched)
        for (of, _, length), is_fetched in zip(chunks, fetched, strict=True)
        if of is file
    ]
    return FileCost(
        path=file["path"],
        size=file["size"],
        chunks=len(mine),
        fetched=sum(is_fetched for _, is_fetched in mine),
        bytes=sum(length for length, is_fetched in mine if is_fetched),
        is_new=file["path"] not in before,
    )


def _head_bytes(parts: release.Release) -> int:
    """Each keyring after its first HEADER_SIZE bytes were looked at; header; envelope; index."""
    keyrings = sum(frel.HEADER_SIZE + len(keyring) for keyring in parts.keyrings)
    return keyrings + frel.HEADER_SIZE + len(parts.envelope) + len(parts.index)
