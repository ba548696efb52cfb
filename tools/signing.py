"""Signing keys and signatures on the host: ECDSA P-256 by the `ecdsa` package, keys as PEM files."""

import hashlib
import json
from pathlib import Path
from typing import Any

import ecdsa
from ecdsa.util import sigencode_string

from wire import dsse, trust


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


def sign(key: ecdsa.SigningKey, payload_type: str, payload: bytes) -> tuple[str, bytes]:
    """(keyid, signature) for an envelope. RFC 6979: the same key and payload give the same bytes."""
    message = dsse.pae(payload_type, payload)
    return key_id(key), key.sign_deterministic(message, hashfunc=hashlib.sha256, sigencode=sigencode_string)


def verify(public: bytes, digest: bytes, signature: bytes) -> bool:
    """What wire/trust asks for, done by the `ecdsa` package."""
    try:
        key = ecdsa.VerifyingKey.from_string(public, curve=ecdsa.NIST256p)
        return key.verify_digest(signature, digest)
    except (ecdsa.BadSignatureError, ecdsa.errors.MalformedPointError):
        return False
