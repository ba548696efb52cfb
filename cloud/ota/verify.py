"""Would devices accept this release? The policy is that of wire/trust.py, ECDSA is the `ecdsa` package's."""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import ecdsa

from wire import dsse, frel, trust


class Trusted(NamedTuple):
    """What the cloud knows: the roots, and the keyring that they signed (wire/trust)."""

    roots: dict
    keyring: dict


@dataclass(frozen=True)
class Release:
    """A verified release. `digest` is its name everywhere; `sha256` is of the whole file."""

    digest: str
    manifest: dict
    manifest_bytes: bytes
    signed_by: list[str]
    size: int
    sha256: str


def p256(public_key: bytes, digest: bytes, signature: bytes) -> bool:
    """ECDSA P-256 over a SHA-256 `digest`; keys and signatures are 64 bytes. Malformed input is False."""
    try:
        key = ecdsa.VerifyingKey.from_string(public_key, curve=ecdsa.NIST256p)
        return key.verify_digest(signature, digest)
    except (ecdsa.BadSignatureError, ecdsa.errors.MalformedPointError):
        return False


def load_keyring(roots: Path, keyring: Path) -> Trusted:
    """The keyring in the file `keyring`, signed by the keys of `roots`. Raises TrustError."""
    known = json.loads(roots.read_bytes())
    return Trusted(known, trust.open_keyring(keyring.read_bytes(), known, p256))


def verify(path: Path, trusted: Trusted) -> Release:
    """Check signatures, manifest, index and every byte of payload. Raises FormatError or TrustError.

    A newer keyring in front counts for this release, as it would on a device. It is not kept: the files that the
    cloud was given stay as they are.
    """
    with path.open("rb") as file:
        envelopes, start = _front(file)
        keyring = trust.learn(envelopes, *trusted, p256)[1]
        file.seek(start)
        envelope_len, index_len, payload_len = frel.parse_header(file.read(frel.HEADER_SIZE))
        start += frel.HEADER_SIZE
        size = start + envelope_len + index_len + payload_len
        if path.stat().st_size != size:
            raise frel.FormatError(f"file is {path.stat().st_size} bytes, its header says {size}")
        envelope = file.read(envelope_len)
        manifest, manifest_bytes = trust.open_release(envelope, keyring, p256)
        frel.check_lengths(manifest, index_len, payload_len)
        _check_index(file.read(index_len), manifest)
        file.seek(start + envelope_len)
        _check_payload(file, index_len, manifest)
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    signed_by = sorted(_signers(envelope, keyring))
    return Release(frel.digest(manifest_bytes), manifest, manifest_bytes, signed_by, size, sha256)


def _front(file: BinaryIO) -> tuple[list[bytes], int]:
    """(envelopes of the keyrings in front of the header, offset of the header)."""
    front, envelopes = frel.Front(), []
    while span := front.keyring(_read(file, front.at, frel.HEADER_SIZE)):
        start, end = span
        envelopes.append(_read(file, start, end - start))
    return envelopes, front.at


def _read(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)


def _signers(envelope: bytes, keyring: dict) -> set[str]:
    """The keys, known and not revoked, whose signature holds: maybe more than the threshold asks for."""
    payload_type, payload, signatures = dsse.parse(envelope)
    digest = hashlib.sha256(dsse.pae(payload_type, payload)).digest()
    known = {keyid: bytes.fromhex(key["public"]) for keyid, key in keyring["keys"].items()}
    return {
        keyid
        for keyid, signature in signatures
        if keyid in known and keyid not in keyring["revoked"] and p256(known[keyid], digest, signature)
    }


def _check_index(index: bytes, manifest: dict) -> None:
    if hashlib.sha256(index).hexdigest() != manifest["index"]["sha256"]:
        raise frel.FormatError("index does not match its SHA-256 in the manifest")


def _check_payload(file: BinaryIO, index_len: int, manifest: dict) -> None:
    """Each chunk against the index, each file and the whole against the manifest. `file` is at the index."""
    index = io.BytesIO(file.read(index_len))
    whole = hashlib.sha256()
    for entry in manifest["files"]:
        of_file = hashlib.sha256()
        for _, offset, length in frel.chunks([entry]):
            chunk = file.read(length)
            if hashlib.sha256(chunk).digest() != index.read(frel.HASH_SIZE):
                raise frel.FormatError(f"payload: {entry['path']} at {offset} does not match the index")
            of_file.update(chunk)
            whole.update(chunk)
        if of_file.hexdigest() != entry["sha256"]:
            raise frel.FormatError(f"payload: {entry['path']} does not match its SHA-256 in the manifest")
    if whole.hexdigest() != manifest["payload"]["sha256"]:
        raise frel.FormatError("payload does not match its SHA-256 in the manifest")
