"""Who may sign what: the one policy that device, tools and cloud all apply. Runs on MicroPython and CPython.

Root keys sign the keyring; the keyring names the release keys, the kinds each may sign, and those revoked.
How a signature is verified is handed in: `verify(public_key 64 bytes, digest 32, signature 64) -> bool`.

    roots      {"version": 1, "keys": {keyid: public key in hex}, "threshold": 1}
    keyring    {"version": 1, "keys": {keyid: {"public": hex, "kinds": ["app"]}}, "revoked": [keyid],
                "threshold": 1, "roots": roots, if they were ever changed}

A keyring may bring new roots, of a higher version: then it is signed by the old ones and by the new ones.
"""

import binascii
import hashlib

from wire import dsse, frel


class TrustError(ValueError):
    """Something signed that is not to be trusted; the text says why."""


def keyid(public_key):
    """The name of a 64-byte public key."""
    return binascii.hexlify(hashlib.sha256(public_key).digest()).decode()[:16]


def open_keyring(envelope, roots, verify):
    """The keyring in an envelope signed by `roots`, which are trusted, and by the roots that it brings."""
    check_roots("roots", roots)
    payload, signatures = _parse(envelope, dsse.PAYLOAD_TYPE_KEYRING)
    _signed_by(roots, payload, signatures, verify, "keyring")
    keyring = _load(payload)
    _check_keyring(keyring)
    latest = roots_of(keyring, roots)
    if latest is not roots:
        _signed_by(latest, payload, signatures, verify, "keyring, by the new roots,")
    return keyring


def roots_of(keyring, roots):
    """The roots to go by: those that a keyring opened with `roots` brings if they are newer, else `roots`."""
    brought = keyring.get("roots")
    if brought is None:
        return roots
    version, known = brought["version"], version_of(roots)
    same = brought["keys"] == roots["keys"] and brought["threshold"] == roots["threshold"]
    if version < known or (version == known and not same):
        raise TrustError(
            f"keyring brings roots of version {version} in place of other ones of version {known}"
        )
    return brought if version > known else roots


def version_of(roots):
    """Roots that were made before they had a version are the first."""
    return roots.get("version", 1)


def newer_keyring(envelope, roots, known, verify):
    """The keyring in `envelope` if it is to take the place of `known`, which was opened with `roots`.

    None if it is older or the same: that is not trusted, nor refused, for the roots that signed an old one may
    be gone. TrustError if it is another one of the same version, or newer and not to be trusted.
    """
    found = _load(_parse(envelope, dsse.PAYLOAD_TYPE_KEYRING)[0], "keyring is not JSON")
    version = found.get("version") if type(found) is dict else None
    if not _is_version(version):
        raise TrustError(f"keyring: version is not valid: {repr(version)[:80]}")
    if version == known["version"] and found != known:
        raise TrustError(f"keyring is another one than the keyring of version {version} that is known")
    if version <= known["version"]:
        return None
    return open_keyring(envelope, roots_of(known, roots), verify)


def learn(envelopes, roots, keyring, verify):
    """(roots, keyring) to judge a release by, given the keyrings in front of it, oldest first."""
    for envelope in envelopes:
        newer = newer_keyring(envelope, roots, keyring, verify)
        if newer is not None:
            roots, keyring = roots_of(newer, roots_of(keyring, roots)), newer
    return roots, keyring


def check_roots(what, roots):
    """TrustError if they are none. A key under two names would be counted twice."""
    _check_fields(what, roots, (("keys", dict), ("threshold", int)))
    if not _is_version(version_of(roots)):
        raise TrustError(f"{what}: version is not valid: {repr(roots['version'])[:80]}")
    for name, public in roots["keys"].items():
        if _name_of(public) != name:
            raise TrustError(f"{what}: key {name} is not the key of that name")


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


def _signed_by(roots, payload, signatures, verify, what):
    refused: list = []
    signers = _signers(dsse.PAYLOAD_TYPE_KEYRING, payload, signatures, roots["keys"], (), verify, refused)
    _enough(signers, roots["threshold"], refused, what)


def _signers(payload_type, payload, signatures, keys, revoked, verify, refused):
    """The keys whose signature holds. A bad one spoils no good one: why it is bad goes to `refused`."""
    digest = dsse.digest(payload_type, payload)
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


def _load(payload, otherwise="signed, but not JSON"):
    try:
        return dsse.load(payload)
    except ValueError:
        raise TrustError(otherwise) from None


def _check_keyring(keyring):
    """Signed by a root, so only slips are looked for."""
    fields = (("version", int), ("keys", dict), ("revoked", list), ("threshold", int))
    _check_fields("keyring", keyring, fields)
    if not _is_version(keyring["version"]):
        raise TrustError(f"keyring: version is not valid: {repr(keyring['version'])[:80]}")
    for name, key in keyring["keys"].items():
        found = _name_of(key.get("public")) if type(key) is dict else None
        if found is None or type(key.get("kinds")) is not list:
            raise TrustError(f"keyring: key {name} has no list of kinds, or no public key in hex")
        if found != name:
            raise TrustError(f"keyring: key {name} is not the key of that name")
    if "roots" in keyring:
        check_roots("roots of the keyring", keyring["roots"])
        if "version" not in keyring["roots"]:
            raise TrustError("roots of the keyring: version is missing")


def _is_version(value):
    return type(value) is int and 0 < value < 2**31


def _name_of(public):
    """The keyid of a public key in hex, None if it is not in hex."""
    try:
        return keyid(binascii.unhexlify(public))
    except (ValueError, TypeError):
        return None


def _check_fields(what, value, fields):
    if type(value) is not dict:
        raise TrustError(f"{what}: no object")
    for name, kind in fields:
        if type(value.get(name)) is not kind:
            raise TrustError(f"{what}: {name} is missing or no {kind.__name__}")
    if value["threshold"] < 1:
        raise TrustError(f"{what}: a threshold under 1 would trust anything")
