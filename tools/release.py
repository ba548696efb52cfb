"""Releases on the host: read, sign, verify, inspect and unpack a .frel file (wire/frel)."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from pathlib import Path

from tools import keys, signing
from tools.release_build import assemble, boards_of, build, index_of, pack
from wire import dsse, frel, trust

__all__ = ["boards_of", "build", "inspect", "pack", "read", "sign", "unpack", "verify"]


_PARTS = ("envelope", "index", "payload")


@dataclass(frozen=True)
class Release:
    envelope: bytes
    index: bytes
    payload: bytes


def read(path: Path) -> Release:
    """The three parts of a release, by the header's lengths alone. FormatError if they are not there."""
    data = path.read_bytes()
    parts, start = [], frel.HEADER_SIZE
    for name, size in zip(_PARTS, frel.parse_header(data), strict=True):
        part = data[start : start + size]
        if len(part) < size:
            raise frel.FormatError(f"{name} is cut off: {len(part)} of {size} bytes")
        parts.append(part)
        start += size
    if start < len(data):
        raise frel.FormatError(f"{len(data) - start} bytes follow the payload")
    return Release(*parts)


def sign(path: Path, key_path: Path) -> str:
    """Add the key's signature, or make it anew; the file is replaced as a whole. Returns the keyid."""
    release = read(path)
    _contents(release)  # what is broken is not worth a signature
    payload_type, payload, signatures = dsse.parse(release.envelope)
    keyid, signature = signing.sign(signing.load_key(key_path), payload_type, payload)
    signatures = [*((other, sig) for other, sig in signatures if other != keyid), (keyid, signature)]
    envelope = dsse.pack(payload_type, payload, sorted(signatures))
    new = path.with_suffix(".new")
    new.write_bytes(assemble(envelope, release.index, release.payload))
    new.replace(path)
    return keyid


def verify(path: Path, roots: Path, keyring: Path) -> dict:
    """The manifest of a release that is whole, and signed as the keyring asks.

    Else FormatError or TrustError says what is wrong first: form, keyring, signature, index, payload.
    """
    release = read(path)
    trust.open_release(release.envelope, keys.open_keyring(roots, keyring), signing.verify)
    return _contents(release)[0]


def inspect(path: Path) -> dict:
    """All that a release says of itself, nothing verified.

    {"digest", "signed_by": [keyid], "sizes": {part: bytes}, "chunks": count, "manifest"}
    """
    release = read(path)
    payload, signatures = dsse.parse(release.envelope)[1:]
    return {
        "digest": frel.digest(payload),
        "signed_by": [keyid for keyid, _ in signatures],
        "sizes": {name: len(getattr(release, name)) for name in _PARTS},
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
        target.write_bytes(_slice(release.payload, file))
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
        if _sha256(_slice(release.payload, file)) != file["sha256"]:
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


def _slice(payload: bytes, file: dict) -> bytes:
    return payload[file["offset"] : file["offset"] + file["size"]]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
