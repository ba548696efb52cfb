"""Releases on the host: read, sign, verify, inspect and unpack a .frel file (wire/frel)."""

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tools import keys, signers, signing
from tools.release_build import assemble, boards_of, build, build_runtime, index_of, pack
from wire import dsse, frel, trust

__all__ = [
    "boards_of",
    "build",
    "build_runtime",
    "content_of",
    "inspect",
    "pack",
    "read",
    "sign",
    "unpack",
    "verify",
    "with_keyrings",
]

_PARTS = ("envelope", "index", "payload")


@dataclass(frozen=True)
class Release:
    """The parts of a file; `keyrings` are the envelopes in front of the header."""

    envelope: bytes
    index: bytes
    payload: bytes
    keyrings: tuple[bytes, ...] = ()


def read(path: Path) -> Release:
    """The parts of a release, by the lengths that it says alone. FormatError if they are not there."""
    data = path.read_bytes()
    keyrings, start = _front(data)
    header = data[start : start + frel.HEADER_SIZE]
    start += frel.HEADER_SIZE
    parts = {}
    for name, size in zip(_PARTS, frel.parse_header(header), strict=True):
        parts[name] = _cut(data, name, start, start + size)
        start += size
    if start < len(data):
        raise frel.FormatError(f"{len(data) - start} bytes follow the payload")
    return Release(**parts, keyrings=keyrings)


def _front(data: bytes) -> tuple[tuple[bytes, ...], int]:
    """(envelopes of the keyrings in front of the header, offset of the header)."""
    front, found = frel.Front(), []
    while span := front.keyring(data[front.at : front.at + frel.HEADER_SIZE]):
        found.append(_cut(data, "keyring", *span))
    return tuple(found), front.at


def _cut(data: bytes, name: str, start: int, end: int) -> bytes:
    if len(data) < end:
        raise frel.FormatError(f"{name} is cut off: {len(data) - start} of {end - start} bytes")
    return data[start:end]


def sign(path: Path, key: Path | str) -> str:
    """Add a signature by `key` (tools/signers), or make it anew; the file is replaced as a whole.

    Returns the keyid.
    """
    release = read(path)
    _contents(release)  # what is broken is not worth a signature
    payload_type, payload, signatures = dsse.parse(release.envelope)
    with signers.opened(key) as signer:
        added = signing.sign(signer, payload_type, payload)
    envelope = dsse.pack(payload_type, payload, signing.merged(signatures, [added]))
    dsse.parse(envelope)  # as many signatures as a device takes
    _replace(path, replace(release, envelope=envelope))
    return added[0]


def with_keyrings(path: Path, keyrings: Iterable[bytes]) -> None:
    """Put these keyrings in front of a release, oldest first, in place of those there. The digest stays."""
    keyrings = tuple(keyrings)
    versions = [keys.about(envelope)["version"] for envelope in keyrings]
    if versions != sorted(set(versions)):
        raise ValueError(f"keyrings of versions {', '.join(map(str, versions))}: the oldest goes first")
    _replace(path, replace(read(path), keyrings=keyrings))


def _replace(path: Path, release: Release) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(assemble(release.envelope, release.index, release.payload, release.keyrings))
    new.replace(path)


def verify(path: Path, roots: Path, keyring: Path) -> dict:
    """The manifest of a release that is whole, and signed as the keyring, or a newer one in front, asks.

    Else FormatError or TrustError says what is wrong first: form, keyring, signature, index, payload.
    """
    release = read(path)
    known = keys.load_roots(roots), keys.open_keyring(roots, keyring)
    _, newest = trust.learn(release.keyrings, *known, signing.verify)
    trust.open_release(release.envelope, newest, signing.verify)
    return _contents(release)[0]


def inspect(path: Path) -> dict:
    """All that a release says of itself, nothing verified.

    {"digest", "signed_by": [keyid], "keyrings": [tools.keys.about], "sizes": {part: bytes}, "chunks": count,
    "manifest"}
    """
    release = read(path)
    payload, signatures = dsse.parse(release.envelope)[1:]
    sizes = {name: len(getattr(release, name)) for name in _PARTS}
    front = sum(frel.KEYRING_HEADER_SIZE + len(keyring) for keyring in release.keyrings)
    return {
        "digest": frel.digest(payload),
        "signed_by": [keyid for keyid, _ in signatures],
        "keyrings": [keys.about(keyring) for keyring in release.keyrings],
        "sizes": {**sizes, "keyrings": front},
        "chunks": len(release.index) // frel.HASH_SIZE,
        "manifest": _manifest(payload),
    }


def unpack(path: Path, folder: Path, secret: bytes | None = None) -> dict:
    """Lay out a slot: the files, manifest.json and, given a device's secret, the seal that lets it boot."""
    release = read(path)
    manifest, payload = _contents(release)
    for file in manifest["files"]:
        target = folder / file["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content_of(release.payload, file))
    (folder / "manifest.json").write_bytes(payload)
    if secret is not None:
        (folder / "seal").write_bytes(hmac.digest(secret, payload, "sha256"))
    return manifest


def _contents(release: Release) -> tuple[dict, bytes]:
    """(manifest, its bytes), index and payload held against it."""
    payload = dsse.parse(release.envelope)[1]
    manifest = _manifest(payload)
    frel.check_lengths(manifest, len(release.index), len(release.payload))
    if _sha256(release.index) != manifest["index"]["sha256"]:
        raise frel.FormatError("index is not the one of the manifest: its SHA-256 differs")
    _check_chunks(manifest["files"], release)
    for file in manifest["files"]:
        if _sha256(content_of(release.payload, file)) != file["sha256"]:
            raise frel.FormatError(f"payload: {file['path']} is not the manifest's: its SHA-256 differs")
    if _sha256(release.payload) != manifest["payload"]["sha256"]:
        raise frel.FormatError("payload is not the one of the manifest: its SHA-256 differs")
    return manifest, payload


def _check_chunks(files: list[dict], release: Release) -> None:
    """Says which chunk is wrong, which a device would find while it downloads."""
    found = index_of(files, release.payload)
    for number, (file, offset, _) in enumerate(frel.chunks(files)):
        place = slice(number * frel.HASH_SIZE, (number + 1) * frel.HASH_SIZE)
        if found[place] != release.index[place]:
            where = f"chunk {number} ({file['path']} at {offset})"
            raise frel.FormatError(f"payload: {where} is not the one of the index")


def _manifest(payload: bytes) -> dict:
    try:
        manifest = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise frel.FormatError(f"manifest is not JSON: {error}") from None
    frel.check_manifest(manifest)
    if signing.canonical(manifest) != payload:
        raise frel.FormatError("manifest is not in canonical form: keys sorted, none twice, no spaces")
    return manifest


def content_of(payload: bytes, file: dict) -> bytes:
    """Of a file of the manifest."""
    return payload[file["offset"] : file["offset"] + file["size"]]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
