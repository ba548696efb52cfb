"""Signed envelopes: DSSE v1.0 (github.com/secure-systems-lab/dsse, protocol.md). MicroPython and CPython.

A signature is ECDSA P-256 over the SHA-256 of `pae(...)`, r and s as 32 bytes each.
"""

import binascii
import hashlib
import json

PAYLOAD_TYPE_MANIFEST = "application/vnd.fieldrec.manifest+json"
PAYLOAD_TYPE_KEYRING = "application/vnd.fieldrec.keyring+json"
SIGNATURE_SIZE = 64
MAX_SIGNATURES = 8  # a verification takes a device a good part of a second
MAX_NESTING = 16  # of JSON that nobody has signed: its depth is what a device would need memory for
_PAYLOAD = b'{"payload":"'
_PIECE = 192  # bytes that are encoded at once, a multiple of 3


class EnvelopeError(ValueError):
    """Bytes that are no DSSE envelope of ours; the text names the field."""


def pae(payload_type, payload):
    """Pre-authentication encoding: the bytes that are signed."""
    return _head(payload_type, payload) + payload


def digest(payload_type, payload):
    """The SHA-256 of `pae`, without a copy of the payload."""
    hash = hashlib.sha256(_head(payload_type, payload))
    hash.update(payload)
    return hash.digest()


def _head(payload_type, payload):
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d " % (len(kind), kind, len(payload))


def pack(payload_type, payload, signatures):
    """The envelope's bytes; `signatures` is a list of (keyid, 64 bytes)."""
    parts = ",".join(f'{{"keyid":"{keyid}","sig":"{_encode(sig)}"}}' for keyid, sig in signatures)
    text = f'{{"payload":"{_encode(payload)}","payloadType":"{payload_type}","signatures":[{parts}]}}'
    return text.encode()


def parse(data):
    """(payload type, payload, [(keyid, 64-byte signature)]) of an envelope. Nothing is verified here."""
    text, rest = _split(data)
    try:
        envelope = load(rest)
    except ValueError:
        raise EnvelopeError("envelope is not JSON") from None
    _need(type(envelope) is dict, "is no object")
    payload_type, signatures = envelope.get("payloadType"), envelope.get("signatures")
    _need(type(payload_type) is str, "has no payloadType")
    _need(type(signatures) is list, "has no list of signatures")
    _need(len(signatures) <= MAX_SIGNATURES, f"has more than {MAX_SIGNATURES} signatures")
    _need(text is None or "payload" not in envelope, "has two payloads")
    payload = _decode(envelope.get("payload") if text is None else text, "payload")
    return payload_type, payload, [_parse_signature(signature) for signature in signatures]


def _split(data):
    """(base64 of the payload, the JSON without it) of an envelope as `pack` writes it; (None, data) of any other.

    As JSON the payload would be in memory three times.
    """
    start = len(_PAYLOAD)
    end = data.find(b'"', start)
    if data[:start] != _PAYLOAD or data[end : end + 3] != b'","' or data.find(b"\\", start, end) >= 0:
        return None, data
    return memoryview(data)[start:end], b"{" + data[end + 2 :]


def load(data):
    """The value of JSON in bytes. ValueError if it is none, or nested too deeply."""
    depth = 0
    for byte in data:
        if byte in b"[{":
            depth += 1
            if depth > MAX_NESTING:
                raise ValueError("nested too deeply")
        elif byte in b"]}":
            depth -= 1
    return json.loads(data)


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
    _need(type(text) in (str, memoryview), f"has no {name}")
    try:
        data = binascii.a2b_base64(text)
    except ValueError:
        data = b""
    _need(data and _is_encoded(text, data), f"has a {name} that is not base64")
    return data


def _is_encoded(text, data):
    """Whether `text` (str or its bytes) is `data` in base64, held against it by pieces: a copy would be large."""
    at = 0
    for start in range(0, len(data), _PIECE):
        piece = binascii.b2a_base64(data[start : start + _PIECE]).strip()
        part = text[at : at + len(piece)]
        if (part.encode() if type(part) is str else bytes(part)) != piece:
            return False
        at += len(piece)
    return at == len(text)


def _need(condition, words):
    if not condition:
        raise EnvelopeError("envelope " + words)
