"""Attacks on what says whom to trust: the keyring on the device, and the roots that it is held against."""

from tests.attacks.attack import Attack, held, trusted, two_roots
from tests.attacks.forge import (
    KEYRING,
    MANIFEST,
    NAMES,
    RELEASE,
    ROOT,
    SECOND,
    STRANGER,
    Forged,
    keyring,
    ring,
    roots,
    sealed,
)
from tools import signing
from wire import dsse

A, B, S = NAMES["release"], NAMES["second"], NAMES["stranger"]
KEYS = keyring()["keys"]
UNREADABLE = "no roots.json or keyring.json that can be read in {root_folder}/etc: "


def by_stranger():
    return Forged().sign(STRANGER)


def adds_a_stranger(**changes) -> dict:
    public = signing.public_key(STRANGER).hex()
    return {"keys": {**KEYS, S: {"public": public, "kinds": ["app"]}}, **changes}


def renamed(envelope: bytes, keyid: str) -> bytes:
    kind, payload, signatures = dsse.parse(envelope)
    return dsse.pack(kind, payload, [(keyid, sig) for _, sig in signatures])


def exchanged(envelope: bytes, payload: bytes) -> bytes:
    kind, _, signatures = dsse.parse(envelope)
    return dsse.pack(kind, payload, signatures)


ATTACKS = {
    "a keyring that nobody signed": Attack(
        "keyring not trusted: no signature", by_stranger, etc=held(ring([], **adds_a_stranger()))
    ),
    "a keyring signed by a stranger": Attack(
        "keyring not trusted: unknown key {stranger}",
        by_stranger,
        etc=held(ring([STRANGER], **adds_a_stranger())),
    ),
    "a keyring signed by a stranger in the root's name": Attack(
        "keyring not trusted: signature of key {root} does not match",
        by_stranger,
        etc=held(renamed(ring([STRANGER], **adds_a_stranger()), NAMES["root"])),
    ),
    "a keyring signed by a release key": Attack(
        "keyring not trusted: unknown key {release}",
        by_stranger,
        etc=held(ring([RELEASE], **adds_a_stranger())),
    ),
    "another keyring under the root's signature": Attack(
        "keyring not trusted: signature of key {root} does not match",
        by_stranger,
        etc=held(exchanged(ring(), signing.canonical(keyring(**adds_a_stranger())))),
    ),
    "the root's signature once, two wanted": Attack(
        "keyring not trusted: 1 of 2 signatures", etc={**held(ring()), **two_roots()}
    ),
    "the root's signature twice, two wanted": Attack(
        "keyring not trusted: 1 of 2 signatures", etc={**held(ring([ROOT, ROOT])), **two_roots()}
    ),
    "a manifest as a keyring": Attack(
        f"envelope holds {MANIFEST}, not {KEYRING}",
        etc=held(sealed(MANIFEST, signing.canonical(keyring()), [ROOT])),
    ),
    "a key under another's name": Attack(
        "keyring: key {second} is not the key of that name", etc=held(ring(keys={**KEYS, B: KEYS[A]}))
    ),
    "a key under two names": Attack(
        "keyring: key 0000000000000000 is not the key of that name",
        etc=held(ring(keys={**KEYS, "0" * 16: KEYS[A]}, threshold=2)),
    ),
    "a key without kinds": Attack(
        "keyring: key {release} has no list of kinds, or no public key in hex",
        etc=held(ring(keys={A: {"public": KEYS[A]["public"]}})),
    ),
    "a key of 63 bytes": Attack(
        "keyring: key {release} is not the key of that name",
        etc=held(ring(keys={A: {"public": KEYS[A]["public"][2:], "kinds": ["app"]}})),
    ),
    "no signature wanted": Attack(
        "keyring: a threshold under 1 would trust anything", by_stranger, etc=held(ring(threshold=0))
    ),
    "fewer than none wanted": Attack(
        "keyring: a threshold under 1 would trust anything", by_stranger, etc=held(ring(threshold=-1))
    ),
    "a threshold that is true": Attack(
        "keyring: threshold is missing or no int", etc=held(ring(threshold=True))
    ),
    "no list of revoked": Attack("keyring: revoked is missing or no list", etc=held(ring(revoked={}))),
    "no version": Attack("keyring: version is missing or no int", etc=held(ring(version="7"))),
    "a list as a keyring": Attack("keyring: no object", etc=held(ring(payload=b"[]"))),
    "a root's key among the release keys' signatures": Attack(
        "release not trusted: 1 of 2 signatures; unknown key {root}",
        lambda: Forged().sign(RELEASE, ROOT),
        etc=held(ring(threshold=2)),
    ),
    "the second key revoked": Attack(
        "release not trusted: key {second} is revoked",
        lambda: Forged().sign(SECOND),
        etc=held(ring(revoked=[NAMES["revoked"], B])),
    ),
    "a torn keyring": Attack("envelope is not JSON", etc=held(ring()[: len(ring()) // 2])),
    "an empty keyring": Attack("envelope is not JSON", etc=held(b"")),
    "no keyring": Attack(UNREADABLE + "[Errno 2] ENOENT", etc=held(None)),
    "no roots": Attack(UNREADABLE + "[Errno 2] ENOENT", etc=trusted(None)),
    "torn roots": Attack(UNREADABLE + "syntax error in JSON", etc=trusted(roots()[:-1])),
    "roots that want none": Attack(
        "roots: a threshold under 1 would trust anything", by_stranger, etc=trusted(roots(threshold=0))
    ),
}
