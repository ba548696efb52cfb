"""Signing keys and signatures on the host: ECDSA P-256 by the `ecdsa` package, keys as PEM files."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import ecdsa
from ecdsa.util import sigencode_string

from wire import dsse, trust

Signature = tuple[str, bytes]  # keyid, r and s


class Signer(Protocol):
    """Whatever holds a private P-256 key (tools/signers)."""

    @property
    def public(self) -> bytes:
        """x and y, 64 bytes."""

    def sign(self, digest: bytes) -> bytes:
        """r and s, 64 bytes, of a SHA-256."""


@dataclass(frozen=True)
class KeySigner:
    """A key in memory. RFC 6979: the same key and digest give the same bytes."""

    key: ecdsa.SigningKey

    @property
    def public(self) -> bytes:
        return public_key(self.key)

    def sign(self, digest: bytes) -> bytes:
        return self.key.sign_digest_deterministic(digest, hashfunc=hashlib.sha256, sigencode=sigencode_string)


def canonical(value: Any) -> bytes:
    """JSON in the one form that is signed: keys sorted, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def load_key(path: Path) -> ecdsa.SigningKey:
    """The private P-256 key of a PEM file (PKCS #8 or SEC 1). ValueError if it holds none."""
    try:
        key = ecdsa.SigningKey.from_pem(path.read_text())
    except (ValueError, ecdsa.der.UnexpectedDER, ecdsa.curves.UnknownCurveError) as error:
        raise ValueError(f"{path} holds no private key in PEM: {error}") from None
    if key.curve is not ecdsa.NIST256p:
        raise ValueError(f"{path} is a key on {key.curve.name}, releases are signed on NIST256p")
    return key


def public_key(key: ecdsa.SigningKey) -> bytes:
    """x and y, 64 bytes."""
    return key.verifying_key.to_string()


def key_id(key: ecdsa.SigningKey) -> str:
    return trust.keyid(public_key(key))


def load_public(path: Path) -> bytes:
    """x and y, 64 bytes, of a PEM file with a public key, or with a private one."""
    text = path.read_text()
    if "PUBLIC KEY" not in text:
        return public_key(load_key(path))
    try:
        key = ecdsa.VerifyingKey.from_pem(text)
    except (ValueError, ecdsa.der.UnexpectedDER, ecdsa.errors.MalformedPointError) as error:
        raise ValueError(f"{path} holds no public key in PEM: {error}") from None
    if key.curve is not ecdsa.NIST256p:
        raise ValueError(f"{path} is a key on {key.curve.name}, releases are signed on NIST256p")
    return key.to_string()


def public_pem(public: bytes) -> str:
    return ecdsa.VerifyingKey.from_string(public, curve=ecdsa.NIST256p).to_pem().decode()


def sign(key: ecdsa.SigningKey | Signer, payload_type: str, payload: bytes) -> Signature:
    """(keyid, signature) for an envelope."""
    signer = KeySigner(key) if isinstance(key, ecdsa.SigningKey) else key
    digest = hashlib.sha256(dsse.pae(payload_type, payload)).digest()
    return trust.keyid(signer.public), signer.sign(digest)


def merged(signatures: Iterable[Signature], added: Iterable[Signature]) -> list[Signature]:
    """Both, in order of the keyid, one a key: the added one."""
    return sorted({**dict(signatures), **dict(added)}.items())


def verify(public: bytes, digest: bytes, signature: bytes) -> bool:
    """What wire/trust asks for, done by the `ecdsa` package."""
    try:
        key = ecdsa.VerifyingKey.from_string(public, curve=ecdsa.NIST256p)
        return key.verify_digest(signature, digest)
    except (ecdsa.BadSignatureError, ecdsa.errors.MalformedPointError):
        return False
