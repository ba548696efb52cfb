"""Every refusal of a keyring or a release, in the same words on the device (MicroPython) and on the host."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import ecdsa
import pytest

from tools import release_build, signing
from wire import dsse, frel, trust

MANIFEST, KEYRING = dsse.PAYLOAD_TYPE_MANIFEST, dsse.PAYLOAD_TYPE_KEYRING

DEVICE = """
import json, sys
from bootloader import trust
root, kind = sys.argv[1:]
try:
    with open(root + "/envelope", "rb") as file:
        manifest, payload = trust.verify_release(file.read(), kind, root)
    print(json.dumps("accepted " + manifest["version"]))
except trust.TrustError as error:
    print(json.dumps(str(error)))
"""


def key(number: int) -> ecdsa.SigningKey:
    return ecdsa.SigningKey.from_secret_exponent(number, ecdsa.NIST256p)


ROOT, OTHER_ROOT, RELEASE, RUNTIME, REVOKED, STRANGER = (key(number) for number in range(101, 107))
R, O, A, F, V, S = (signing.key_id(k) for k in (ROOT, OTHER_ROOT, RELEASE, RUNTIME, REVOKED, STRANGER))  # noqa: E741


def sealed(payload_type: str, payload: bytes, *signers: ecdsa.SigningKey) -> bytes:
    return dsse.pack(
        payload_type, payload, [signing.sign(signer, payload_type, payload) for signer in signers]
    )


def manifest(**changes) -> bytes:
    fields = {
        "kind": "app",
        "name": "fieldrec",
        "version": "1.1.0",
        "security_version": 1,
        "boards": ["virtual"],
        "requires": {"runtime": "1.26.0", "app": "0.0.0"},
        "created": "2026-01-01T00:00:00Z",
    }
    whole = release_build.pack(fields, {"app/main.mpy": b"x"})
    size = frel.parse_header(whole)[0]
    payload = dsse.parse(whole[frel.HEADER_SIZE : frel.HEADER_SIZE + size])[1]
    return signing.canonical({**json.loads(payload), **changes})


def keyring(**changes) -> dict:
    keys = {
        A: {"public": signing.public_key(RELEASE).hex(), "kinds": ["app"]},
        F: {"public": signing.public_key(RUNTIME).hex(), "kinds": ["runtime"]},
        V: {"public": signing.public_key(REVOKED).hex(), "kinds": ["app"]},
    }
    return {"version": 1, "keys": keys, "revoked": [V], "threshold": 1, **changes}


def roots(*keys: ecdsa.SigningKey, threshold: int = 1) -> dict:
    return {"keys": {signing.key_id(k): signing.public_key(k).hex() for k in keys}, "threshold": threshold}


def judge(
    folder: Path, on_device: Callable, envelope: bytes, ring: bytes, root_keys: dict, kind: str = "app"
) -> str:
    """What host and device say, which must be the same."""
    (folder / "etc").mkdir()
    (folder / "etc/roots.json").write_text(json.dumps(root_keys))
    (folder / "etc/keyring.json").write_bytes(ring)
    (folder / "envelope").write_bytes(envelope)
    words = on_device(DEVICE, folder, kind)
    try:
        opened = trust.open_keyring(ring, root_keys, signing.verify)
        found, _ = trust.open_release(envelope, opened, signing.verify, kind)
        assert words == f"accepted {found['version']}"
    except trust.TrustError as error:
        assert words == str(error)
    return words


def flipped(envelope: bytes) -> bytes:
    """The last bit of the last signature."""
    kind, payload, signatures = dsse.parse(envelope)
    keyid, sig = signatures[-1]
    return dsse.pack(kind, payload, [*signatures[:-1], (keyid, sig[:63] + bytes([sig[63] ^ 1]))])


def renamed(envelope: bytes, keyid: str) -> bytes:
    kind, payload, signatures = dsse.parse(envelope)
    return dsse.pack(kind, payload, [(keyid, sig) for _, sig in signatures])


def swapped(envelope: bytes, payload: bytes) -> bytes:
    kind, _, signatures = dsse.parse(envelope)
    return dsse.pack(kind, payload, signatures)


GOOD = sealed(MANIFEST, manifest(), RELEASE)
RELEASES = {
    "one good signature": (GOOD, "accepted 1.1.0"),
    "a stranger's beside a good one": (sealed(MANIFEST, manifest(), STRANGER, RELEASE), "accepted 1.1.0"),
    "a broken one beside a good one": (
        flipped(sealed(MANIFEST, manifest(), RELEASE, REVOKED)),
        "accepted 1.1.0",
    ),
    "unsigned": (sealed(MANIFEST, manifest()), "release not trusted: no signature"),
    "a stranger": (sealed(MANIFEST, manifest(), STRANGER), f"release not trusted: unknown key {S}"),
    "a root can't release": (sealed(MANIFEST, manifest(), ROOT), f"release not trusted: unknown key {R}"),
    "revoked": (sealed(MANIFEST, manifest(), REVOKED), f"release not trusted: key {V} is revoked"),
    "of another kind": (
        sealed(MANIFEST, manifest(), RUNTIME),
        f"release not trusted: key {F} may not sign app",
    ),
    "flipped bit": (flipped(GOOD), f"release not trusted: signature of key {A} does not match"),
    "stranger under a known name": (
        renamed(sealed(MANIFEST, manifest(), STRANGER), A),
        f"release not trusted: signature of key {A} does not match",
    ),
    "payload exchanged": (
        swapped(GOOD, manifest(version="9.0.0")),
        f"release not trusted: signature of key {A} does not match",
    ),
    "a keyring's signature on a manifest": (
        renamed(
            swapped(sealed(KEYRING, manifest(), RELEASE), manifest()).replace(b"keyring+", b"manifest+"), A
        ),
        f"release not trusted: signature of key {A} does not match",
    ),
    "two reasons": (
        sealed(MANIFEST, manifest(), STRANGER, REVOKED),
        f"release not trusted: unknown key {S}; key {V} is revoked",
    ),
    "a keyring instead": (
        sealed(KEYRING, signing.canonical(keyring()), ROOT),
        f"envelope holds {KEYRING}, not {MANIFEST}",
    ),
    "runtime for an app": (
        sealed(MANIFEST, manifest(kind="runtime"), RUNTIME),
        "release is of kind runtime, not app",
    ),
    "signed nonsense": (sealed(MANIFEST, b"\x00", RELEASE), "signed, but not JSON"),
    "signed list": (sealed(MANIFEST, b"[]", RELEASE), "manifest: manifest is not valid: []"),
    "signed with a bad field": (
        sealed(MANIFEST, manifest(version="1"), RELEASE),
        "manifest: version is not valid: '1'",
    ),
    "no JSON": (b"FREL", "envelope is not JSON"),
    "empty": (b"", "envelope is not JSON"),
    "cut off": (GOOD[:-1], "envelope is not JSON"),
    "nested deep": (b"[" * 30000, "envelope is not JSON"),
    "a list": (b"[]", "envelope is no object"),
    "no type": (b'{"payload":"e30=","signatures":[]}', "envelope has no payloadType"),
    "no payload": (b'{"payloadType":"x","signatures":[]}', "envelope has no payload"),
    "no signatures": (b'{"payloadType":"x","payload":"e30="}', "envelope has no list of signatures"),
    "too many signatures": (
        dsse.pack(MANIFEST, b"{}", [(A, bytes(64))] * 9),
        "envelope has more than 8 signatures",
    ),
    "short signature": (
        dsse.pack(MANIFEST, b"{}", [(A, bytes(63))]),
        "envelope has a signature of 63 bytes, not 64",
    ),
    "no keyid": (
        dsse.pack(MANIFEST, b"{}", [("", bytes(64))]),
        "envelope has a signature without a 16-character keyid",
    ),
    "loose base64": (
        GOOD.replace(base64.b64encode(manifest()), base64.b64encode(manifest()) + b"\\n"),
        "envelope has a payload that is not base64",
    ),
}

KEYRINGS = {
    "signed by both roots": (
        sealed(KEYRING, signing.canonical(keyring()), OTHER_ROOT, ROOT),
        "accepted 1.1.0",
    ),
    "unsigned": (sealed(KEYRING, signing.canonical(keyring())), "keyring not trusted: no signature"),
    "another root": (
        sealed(KEYRING, signing.canonical(keyring()), OTHER_ROOT),
        f"keyring not trusted: unknown key {O}",
    ),
    "a release key": (
        sealed(KEYRING, signing.canonical(keyring()), RELEASE),
        f"keyring not trusted: unknown key {A}",
    ),
    "flipped bit": (
        flipped(sealed(KEYRING, signing.canonical(keyring()), ROOT)),
        f"keyring not trusted: signature of key {R} does not match",
    ),
    "no list of revoked": (
        sealed(KEYRING, signing.canonical(keyring(revoked=None)), ROOT),
        "keyring: revoked is missing or no list",
    ),
    "threshold zero": (
        sealed(KEYRING, signing.canonical(keyring(threshold=0)), ROOT),
        "keyring: a threshold under 1 would trust anything",
    ),
    "a key under another name": (
        sealed(KEYRING, signing.canonical(keyring(keys={S: keyring()["keys"][A]})), ROOT),
        f"keyring: key {S} is not the key of that name",
    ),
    "a key that is none": (
        sealed(KEYRING, signing.canonical(keyring(keys={S: {"public": "zz"}})), ROOT),
        f"keyring: key {S} has no list of kinds, or no public key in hex",
    ),
    "a list": (sealed(KEYRING, b"[]", ROOT), "keyring: no object"),
    "torn": (b"", "envelope is not JSON"),
}


@pytest.mark.parametrize("name", RELEASES)
def test_a_release(name, on_device, tmp_path):
    envelope, words = RELEASES[name]
    ring = sealed(KEYRING, signing.canonical(keyring()), ROOT)
    assert judge(tmp_path, on_device, envelope, ring, roots(ROOT)) == words


@pytest.mark.parametrize("name", KEYRINGS)
def test_a_keyring(name, on_device, tmp_path):
    ring, words = KEYRINGS[name]
    assert judge(tmp_path, on_device, GOOD, ring, roots(ROOT)) == words


@pytest.mark.parametrize(
    ("signers", "words"),
    [
        ((RELEASE, STRANGER), f"release not trusted: 1 of 2 signatures; unknown key {S}"),
        ((RELEASE, RELEASE), "release not trusted: 1 of 2 signatures"),
        ((RELEASE, RUNTIME), f"release not trusted: 1 of 2 signatures; key {F} may not sign app"),
        ((RELEASE, REVOKED), "accepted 1.1.0"),
    ],
)
def test_a_threshold_counts_distinct_keys_that_may(signers, words, on_device, tmp_path):
    ring = sealed(KEYRING, signing.canonical(keyring(threshold=2, revoked=[])), ROOT)
    assert judge(tmp_path, on_device, sealed(MANIFEST, manifest(), *signers), ring, roots(ROOT)) == words


@pytest.mark.parametrize(
    ("signers", "words"),
    [((ROOT,), "keyring not trusted: 1 of 2 signatures"), ((ROOT, OTHER_ROOT), "accepted 1.1.0")],
)
def test_a_threshold_of_roots(signers, words, on_device, tmp_path):
    ring = sealed(KEYRING, signing.canonical(keyring()), *signers)
    assert judge(tmp_path, on_device, GOOD, ring, roots(ROOT, OTHER_ROOT, threshold=2)) == words


def test_without_roots_or_keyring_nothing_is_trusted(on_device, tmp_path):
    (tmp_path / "envelope").write_bytes(GOOD)
    assert on_device(DEVICE, tmp_path, "app").startswith(
        f"no roots.json or keyring.json that can be read in {tmp_path}"
    )


@pytest.mark.parametrize(
    ("root_keys", "words"),
    [
        ([], "roots: no object"),
        ({"threshold": 1}, "roots: keys is missing or no dict"),
        ({"keys": {}, "threshold": 0}, "roots: a threshold under 1 would trust anything"),
    ],
)
def test_roots_that_are_none(root_keys, words, on_device, tmp_path):
    assert judge(tmp_path, on_device, GOOD, b"", root_keys) == words


def test_an_oversized_envelope_is_refused_before_it_is_parsed(on_device, tmp_path):
    (tmp_path / "envelope").write_bytes(b" " * 32769)
    assert on_device(DEVICE, tmp_path, "app") == "envelope of 32769 bytes, at most 32768 are taken"
