"""Signed envelopes: DSSE v1.0 (github.com/secure-systems-lab/dsse, protocol.md). MicroPython and CPython.

A signature is ECDSA P-256 over the SHA-256 of `pae(...)`, r and s as 32 bytes each.
"""

import binascii
import json

PAYLOAD_TYPE_MANIFEST = "application/vnd.fieldrec.manifest+json"
PAYLOAD_TYPE_KEYRING = "application/vnd.fieldrec.keyring+json"
SIGNATURE_SIZE = 64
MAX_SIGNATURES = 8  # a verification takes a device a good part of a second


class EnvelopeError(ValueError):
    """Bytes that are no DSSE envelope of ours; the text names the field."""


def pae(payload_type, payload):
    """Pre-authentication encoding: the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def pack(payload_type, payload, signatures):
    """The envelope's bytes; `signatures` is a list of (keyid, 64 bytes)."""
    parts = ",".join(f'{{"keyid":"{keyid}","sig":"{_encode(sig)}"}}' for keyid, sig in signatures)
    text = f'{{"payload":"{_encode(payload)}","payloadType":"{payload_type}","signatures":[{parts}]}}'
    return text.encode()


def parse(data):
    """(payload type, payload, [(keyid, 64-byte signature)]) of an envelope. Nothing is verified here."""
    try:
        envelope = json.loads(data)
    except (ValueError, RuntimeError, MemoryError):  # the latter two: nested too deeply
        raise EnvelopeError("envelope is not JSON") from None
    _need(type(envelope) is dict, "is no object")
    payload_type, signatures = envelope.get("payloadType"), envelope.get("signatures")
    _need(type(payload_type) is str, "has no payloadType")
    _need(type(signatures) is list, "has no list of signatures")
    _need(len(signatures) <= MAX_SIGNATURES, f"has more than {MAX_SIGNATURES} signatures")
    payload = _decode(envelope.get("payload"), "payload")
    return payload_type, payload, [_parse_signature(signature) for signature in signatures]


def _parse_signature(signature):
    _need(type(signature) is dict, "has a signature that is no object")
    keyid = signature.get("keyid")
    _need(type(keyid) is str and len(keyid) == 16, "has a signature without a 16-character keyid")
    sig = _decode(signature.get("sig"), "signature")
    _need(len(sig) == SIGNATURE_SIZE, f"has a signature of {len(sig)} bytes, not {SIGNATURE_SIZE}")
    return keyid, sig


def _encode(data):
    return binascii.b2a_base64(data).decode().strip()


def _decode(text, name):
    """Base64 in its one canonical form: what can be written in two ways could be told apart by its copies."""
    _need(type(text) is str, f"has no {name}")
    try:
        data = binascii.a2b_base64(text)
    except ValueError:
        data = b""
    _need(data and _encode(data) == text, f"has a {name} that is not base64")
    return data


def _need(condition, words):
    if not condition:
        raise EnvelopeError("envelope " + words)
