"""Keyrings in front of a release: which are learnt, ignored or refused, on the device and on the host alike."""

import json
from pathlib import Path

import pytest

from tests.crypto.test_trust import (
    KEYRING,
    OTHER_ROOT,
    RELEASE,
    ROOT,
    STRANGER,
    O,
    R,
    flipped,
    keyring,
    roots,
    sealed,
)
from tests.network import lab
from tools import signing
from wire import dsse, frel, trust

DEVICE = """
import json, sys
from bootloader import trust
root = sys.argv[1]
with open(root + "/envelope", "rb") as file:
    envelope = file.read()
try:
    words = "learnt" if trust.learn(envelope, root) else "ignored"
except trust.TrustError as error:
    words = str(error)
print(json.dumps([words, trust.open_keyring(root)["version"]]))
"""

OLD, NEW = {"version": 1, **roots(ROOT)}, {"version": 2, **roots(OTHER_ROOT)}


def ring(*signers, **changes) -> bytes:
    return sealed(KEYRING, signing.canonical(keyring(**changes)), *signers)


# What the device knows is keyring 5, signed by ROOT.
FRONT = {
    "newer": (ring(ROOT, version=6), "learnt"),
    "much newer": (ring(ROOT, version=600), "learnt"),
    "the same": (ring(ROOT, version=5), "ignored"),
    "the same with another signature": (ring(STRANGER, version=5), "ignored"),
    "older": (ring(ROOT, version=4, revoked=[]), "ignored"),
    "older, by a root that is gone": (ring(OTHER_ROOT, version=4), "ignored"),
    "another one of that version": (
        ring(ROOT, version=5, revoked=[]),
        "keyring is another one than the keyring of version 5 that is known",
    ),
    "newer, unsigned": (ring(version=6), "keyring not trusted: no signature"),
    "newer, by a stranger": (
        ring(OTHER_ROOT, version=6),
        f"keyring not trusted: unknown key {O}",
    ),
    "newer, by a release key": (
        ring(RELEASE, version=6),
        f"keyring not trusted: unknown key {signing.key_id(RELEASE)}",
    ),
    "newer, a bit flipped": (
        flipped(ring(ROOT, version=6)),
        f"keyring not trusted: signature of key {R} does not match",
    ),
    "no version": (ring(ROOT, version="6"), "keyring: version is not valid: '6'"),
    "version zero": (ring(ROOT, version=0), "keyring: version is not valid: 0"),
    "version too high": (ring(ROOT, version=2**31), "keyring: version is not valid: 2147483648"),
    "a list": (sealed(KEYRING, b"[]", ROOT), "keyring: version is not valid: None"),
    "no JSON in it": (sealed(KEYRING, b"x", ROOT), "keyring is not JSON"),
    "nested deep": (sealed(KEYRING, b"[" * 6000, ROOT), "keyring is not JSON"),
    "no envelope": (b"FREL", "envelope is not JSON"),
    "a release's envelope": (
        sealed(dsse.PAYLOAD_TYPE_MANIFEST, b"{}", ROOT),
        f"envelope holds {dsse.PAYLOAD_TYPE_MANIFEST}, not {KEYRING}",
    ),
    "newer, threshold zero": (
        ring(ROOT, version=6, threshold=0),
        "keyring: a threshold under 1 would trust anything",
    ),
    "new roots, signed by both": (ring(ROOT, OTHER_ROOT, version=6, roots=NEW), "learnt"),
    "new roots, signed by the old one alone": (
        ring(ROOT, version=6, roots=NEW),
        f"keyring, by the new roots, not trusted: unknown key {R}",
    ),
    "new roots, signed by the new one alone": (
        ring(OTHER_ROOT, version=6, roots=NEW),
        f"keyring not trusted: unknown key {O}",
    ),
    "new roots, with a threshold not met": (
        ring(ROOT, OTHER_ROOT, version=6, roots={"version": 2, **roots(OTHER_ROOT, STRANGER, threshold=2)}),
        f"keyring, by the new roots, not trusted: 1 of 2 signatures; unknown key {R}",
    ),
    "the same roots": (ring(ROOT, version=6, roots=OLD), "learnt"),
    "other roots under the old version": (
        ring(ROOT, OTHER_ROOT, version=6, roots={**NEW, "version": 1}),
        "keyring brings roots of version 1 in place of other ones of version 1",
    ),
    "roots without a version": (
        ring(ROOT, version=6, roots=roots(ROOT)),
        "roots of the keyring: version is missing",
    ),
    "roots of version zero": (
        ring(ROOT, version=6, roots={**NEW, "version": 0}),
        "roots of the keyring: version is not valid: 0",
    ),
    "roots with a threshold of zero": (
        ring(ROOT, version=6, roots={**NEW, "threshold": 0}),
        "roots of the keyring: a threshold under 1 would trust anything",
    ),
    "a root under two names": (
        ring(ROOT, OTHER_ROOT, version=6, roots={**NEW, "keys": {**NEW["keys"], R: NEW["keys"][O]}}),
        f"roots of the keyring: key {R} is not the key of that name",
    ),
    "roots that are none": (ring(ROOT, version=6, roots=[]), "roots of the keyring: no object"),
}


def knows(folder: Path, known: bytes, root_keys: dict) -> None:
    (folder / "etc").mkdir()
    (folder / "etc/roots.json").write_text(json.dumps(root_keys))
    (folder / "etc/keyring.json").write_bytes(known)


@pytest.mark.parametrize("name", FRONT)
def test_a_keyring_in_front(name, on_device, tmp_path):
    envelope, words = FRONT[name]
    known, root_keys = ring(ROOT, version=5), roots(ROOT)
    knows(tmp_path, known, root_keys)
    (tmp_path / "envelope").write_bytes(envelope)
    assert on_device(DEVICE, tmp_path) == [words, _version(envelope) if words == "learnt" else 5]
    kept = (tmp_path / "etc/keyring.json").read_bytes()
    assert kept == (envelope if words == "learnt" else known)
    assert host_says(envelope, known, root_keys) == words
    rotated = words == "learnt" and name.startswith("new roots")
    assert json.loads((tmp_path / "etc/roots.json").read_text()) == (NEW if rotated else root_keys)


def host_says(envelope: bytes, known: bytes, root_keys: dict) -> str:
    before = trust.open_keyring(known, root_keys, signing.verify)
    try:
        _, after = trust.learn([envelope], root_keys, before, signing.verify)
    except trust.TrustError as error:
        return str(error)
    return "learnt" if after != before else "ignored"


def _version(envelope: bytes) -> int:
    return json.loads(dsse.parse(envelope)[1])["version"]


def test_an_oversized_keyring_is_refused_before_it_is_parsed(on_device, tmp_path):
    knows(tmp_path, ring(ROOT), roots(ROOT))
    (tmp_path / "envelope").write_bytes(b" " * (frel.MAX_KEYRING + 1))
    assert on_device(DEVICE, tmp_path) == ["keyring of 16385 bytes, at most 16384 are taken", 1]


def test_roots_go_forward_one_keyring_after_the_other():
    """A device that slept through two changes of the roots learns both, in order only."""
    third = {"version": 3, **roots(STRANGER)}
    chain = [
        ring(ROOT, OTHER_ROOT, version=2, roots=NEW),
        ring(OTHER_ROOT, version=3, roots=NEW),
        ring(OTHER_ROOT, STRANGER, version=4, roots=third),
        ring(STRANGER, version=5, roots=third),
    ]
    first = trust.open_keyring(ring(ROOT), OLD, signing.verify)
    root_keys, newest = trust.learn(chain, OLD, first, signing.verify)
    assert (root_keys, newest["version"]) == (third, 5)
    for missing in (0, 2):
        with pytest.raises(trust.TrustError, match="keyring not trusted: unknown key"):
            trust.learn(chain[:missing] + chain[missing + 1 :], OLD, first, signing.verify)


def test_a_power_cut_at_any_flash_operation_leaves_a_device_that_trusts_and_learns_on(tmp_path):
    (tmp_path / "roots.json").write_text(json.dumps(OLD))
    for name, envelope in {
        "keyring.json": ring(ROOT),
        "rotation": ring(ROOT, OTHER_ROOT, version=2, roots=NEW),
        "next": ring(OTHER_ROOT, version=3, roots=NEW),
        "revoked": ring(ROOT, version=4),
    }.items():
        (tmp_path / name).write_bytes(envelope)
    script = Path(__file__).with_name("device_learn.py")
    first, again, cuts, more = json.loads(lab.run_device(script, tmp_path, heap="4M")[-1])
    assert first == [[1, 1], [2, 1], [2, 2]]  # keyring, roots
    assert again == [[2, 1], [2, 2], [3, 2]]
    assert cuts > 15 and more > 15, "the flash was hardly written"
