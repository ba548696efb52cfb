"""Who may sign what: the one policy that device, tools and cloud all apply. Runs on MicroPython and CPython.

Root keys sign the keyring; the keyring names the release keys, the kinds each may sign, and those revoked.
How a signature is verified is handed in: `verify(public_key 64 bytes, digest 32, signature 64) -> bool`.

    roots      {"keys": {keyid: public key in hex}, "threshold": 1}
    keyring    {"version": 1, "keys": {keyid: {"public": hex, "kinds": ["app"]}}, "revoked": [keyid],
                "threshold": 1}
"""

import binascii
import hashlib
import json

from wire import dsse, frel


class TrustError(ValueError):
    """Something signed that is not to be trusted; the text says why."""


def keyid(public_key):
    """The name of a 64-byte public key."""
    return binascii.hexlify(hashlib.sha256(public_key).digest()).decode()[:16]


def open_keyring(envelope, roots, verify):
    """The keyring in an envelope signed by the roots; `roots` comes with the device and is trusted."""
    _check_fields("roots", roots, (("keys", dict), ("threshold", int)))
    payload, signatures = _parse(envelope, dsse.PAYLOAD_TYPE_KEYRING)
    refused: list = []
    signers = _signers(dsse.PAYLOAD_TYPE_KEYRING, payload, signatures, roots["keys"], (), verify, refused)
    _enough(signers, roots["threshold"], refused, "keyring")
    keyring = _load(payload)
    _check_keyring(keyring)
    return keyring


def open_release(envelope, keyring, verify, kind=None):
    """(manifest, its exact bytes) of a release. `kind` is what it must be; None: whatever it says it is."""
    payload, signatures = _parse(envelope, dsse.PAYLOAD_TYPE_MANIFEST)
    keys = {name: key["public"] for name, key in keyring["keys"].items()}
    refused: list = []
    signers = _signers(
        dsse.PAYLOAD_TYPE_MANIFEST, payload, signatures, keys, keyring["revoked"], verify, refused
    )
    _enough(signers, keyring["threshold"], refused, "release")
    manifest = _load(payload)
    try:
        frel.check_manifest(manifest)
    except frel.FormatError as error:
        raise TrustError(str(error)) from None
    if kind and manifest["kind"] != kind:
        raise TrustError(f"release is of kind {manifest['kind']}, not {kind}")
    _enough(_allowed(signers, keyring, manifest["kind"], refused), keyring["threshold"], refused, "release")
    return manifest, payload


def _parse(envelope, payload_type):
    try:
        found, payload, signatures = dsse.parse(envelope)
    except dsse.EnvelopeError as error:
        raise TrustError(str(error)) from None
    if found != payload_type:
        raise TrustError(f"envelope holds {found[:80]}, not {payload_type}")
    return payload, signatures


def _signers(payload_type, payload, signatures, keys, revoked, verify, refused):
    """The keys whose signature holds. A bad one spoils no good one: why it is bad goes to `refused`."""
    digest = hashlib.sha256(dsse.pae(payload_type, payload)).digest()
    signers = set()
    for name, signature in signatures:
        if name not in keys:
            refused.append(f"unknown key {name}")
        elif name in revoked:
            refused.append(f"key {name} is revoked")
        elif not verify(binascii.unhexlify(keys[name]), digest, signature):
            refused.append(f"signature of key {name} does not match")
        else:
            signers.add(name)
    return signers


def _allowed(signers, keyring, kind, refused):
    allowed = {name for name in signers if kind in keyring["keys"][name]["kinds"]}
    refused.extend(f"key {name} may not sign {kind}" for name in sorted(signers - allowed))
    return allowed


def _enough(signers, threshold, refused, what):
    if len(signers) >= threshold:
        return
    reasons = [f"{len(signers)} of {threshold} signatures"] if threshold > 1 else []
    raise TrustError(f"{what} not trusted: {'; '.join(reasons + refused) or 'no signature'}")


def _load(payload):
    try:
        return json.loads(payload)
    except (ValueError, RuntimeError):
        raise TrustError("signed, but not JSON") from None


def _check_keyring(keyring):
    """Signed by a root, so only slips are looked for; a key under two names would be counted twice."""
    fields = (("version", int), ("keys", dict), ("revoked", list), ("threshold", int))
    _check_fields("keyring", keyring, fields)
    for name, key in keyring["keys"].items():
        try:
            found, kinds = keyid(binascii.unhexlify(key["public"])), key["kinds"]
        except (ValueError, TypeError, KeyError):
            found = kinds = None
        if type(kinds) is not list:
            raise TrustError(f"keyring: key {name} has no list of kinds, or no public key in hex")
        if found != name:
            raise TrustError(f"keyring: key {name} is not the key of that name")


def _check_fields(what, value, fields):
    if type(value) is not dict:
        raise TrustError(f"{what}: no object")
    for name, kind in fields:
        if type(value.get(name)) is not kind:
            raise TrustError(f"{what}: {name} is missing or no {kind.__name__}")
    if value["threshold"] < 1:
        raise TrustError(f"{what}: a threshold under 1 would trust anything")
