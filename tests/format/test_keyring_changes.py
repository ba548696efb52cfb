"""Whom devices trust is changed: one version at a time, by enough roots, and never so that nothing can follow."""

import json
from pathlib import Path

import pytest

from tools import keyring, keys, release, signing
from wire import trust


def name_of(path: Path) -> str:
    return trust.keyid(signing.load_public(path))


def ring(folder: Path) -> dict:
    return keys.open_keyring(folder / "roots.json", folder / "keyring.json")


def new_key(folder: Path, name: str) -> bytes:
    keys.generate(folder / name)
    return signing.load_public(folder / name)


@pytest.fixture
def folder(signing_keys: Path) -> Path:
    return signing_keys


def test_a_key_is_added_with_its_kinds_and_revoked(folder):
    public = new_key(folder, "second.pem")
    outcome = keyring.add(folder, public, ["runtime", "app"])
    assert (outcome.version, outcome.signed_by, outcome.missing) == (2, [name_of(folder / "root.pem")], "")
    assert ring(folder)["keys"][trust.keyid(public)]["kinds"] == ["app", "runtime"]
    keyring.revoke(folder, name_of(folder / "release.pem"))
    assert (ring(folder)["version"], ring(folder)["revoked"]) == (3, [name_of(folder / "release.pem")])
    with pytest.raises(ValueError, match="is revoked: what is revoked once is never trusted again"):
        keyring.add(folder, signing.load_public(folder / "release.pem"), ["app"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda f: keyring.revoke(f, name_of(f / "release.pem")),
            "1 of 0 keys can't sign app: add a key first",
        ),
        (lambda f: keyring.set_threshold(f, 2), "2 of 1 keys can't sign app"),
        (lambda f: keyring.set_threshold(f, 0), "0 of 1 keys can't sign app"),
        (lambda f: keyring.revoke(f, "0" * 16), "no release key 0000000000000000: there are"),
        (lambda f: keyring.add(f, bytes(64), ["firmware"]), "kinds are app and runtime"),
        (lambda f: keyring.change_roots(f, removed=["0" * 16]), "no root 0000000000000000: there are"),
        (lambda f: keyring.change_roots(f, removed=[name_of(f / "root.pem")]), "1 of 0 roots can't sign"),
        (lambda f: keyring.change_roots(f, threshold=2), "2 of 1 roots can't sign"),
        (lambda f: keyring.set_threshold(f, 1, [str(f / "release.pem")]), "is no root: there are"),
    ],
)
def test_what_would_be_the_end_is_refused_and_nothing_is_changed(change, words, folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ValueError, match=words):
        change(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_two_of_three_release_keys(folder, signed):
    for name in ("second.pem", "third.pem"):
        keyring.add(folder, new_key(folder, name), ["app"])
    keyring.set_threshold(folder, 2)

    def verify():
        return release.verify(signed, folder / "roots.json", folder / "keyring.json")

    with pytest.raises(trust.TrustError, match=r"release not trusted: 1 of 2 signatures$"):
        verify()
    release.sign(signed, folder / "release.pem")  # the same key again is no second one
    with pytest.raises(trust.TrustError, match=r"1 of 2 signatures$"):
        verify()
    release.sign(signed, folder / "third.pem")
    assert verify()["version"] == "1.1.0"
    keyring.revoke(folder, name_of(folder / "third.pem"))
    with pytest.raises(trust.TrustError, match=r"1 of 2 signatures; key .* is revoked"):
        verify()
    release.sign(signed, folder / "second.pem")
    assert verify()["version"] == "1.1.0"


def two_roots(folder: Path) -> None:
    """2-of-2, the second one's private key elsewhere."""
    keyring.change_roots(folder, [new_key(folder, "root2.pem")], threshold=2)
    (folder / "root2.pem").rename(folder.parent / "root2.pem")


def test_a_change_waits_for_the_roots_that_are_elsewhere(folder):
    two_roots(folder)
    before = (folder / "keyring.json").read_bytes()
    public = new_key(folder, "second.pem")
    outcome = keyring.add(folder, public, ["app"])
    assert (outcome.version, outcome.missing) == (3, "keyring not trusted: 1 of 2 signatures")
    outcome = keyring.set_threshold(folder, 2)  # joins the change that waits
    assert (outcome.version, len(outcome.signed_by)) == (3, 1)
    assert (folder / "keyring.json").read_bytes() == before and ring(folder)["version"] == 2
    outcome = keyring.sign(folder, [str(folder.parent / "root2.pem")])
    assert (outcome.version, len(outcome.signed_by), outcome.missing) == (3, 2, "")
    assert ring(folder)["threshold"] == 2 and trust.keyid(public) in ring(folder)["keys"]
    assert not (folder / "keyring.next.json").exists()
    with pytest.raises(FileNotFoundError):
        keyring.sign(folder)


def test_roots_are_exchanged_by_old_and_new_and_a_removed_one_signs_no_more(folder, signed):
    old_roots, first = json.loads((folder / "roots.json").read_bytes()), ring(folder)
    public, old = new_key(folder, "root2.pem"), name_of(folder / "root.pem")
    outcome = keyring.change_roots(folder, [public], [old])
    assert outcome.signed_by == sorted([old, trust.keyid(public)]) and not outcome.missing
    roots = json.loads((folder / "roots.json").read_bytes())
    assert (roots["version"], list(roots["keys"])) == (2, [trust.keyid(public)])
    with pytest.raises(ValueError, match=f"key {old} is no root"):
        keyring.set_threshold(folder, 1, [str(folder / "root.pem")])
    keyring.add(folder, new_key(folder, "second.pem"), ["app"])
    assert ring(folder)["version"] == 3
    # A device that has the old roots learns both keyrings, and would learn neither alone.
    assert [keys.about(envelope)["version"] for envelope in keys.in_front(folder)] == [2, 3]
    learnt, newest = trust.learn(keys.in_front(folder), old_roots, first, signing.verify)
    assert (learnt, newest) == (roots, ring(folder))
    with pytest.raises(trust.TrustError, match="keyring not trusted: unknown key"):
        trust.learn(keys.in_front(folder)[1:], old_roots, first, signing.verify)


def test_a_new_root_that_is_elsewhere_signs_later(folder):
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    public = new_key(elsewhere, "root2.pem")
    outcome = keyring.change_roots(folder, [public], [name_of(folder / "root.pem")])
    assert outcome.missing.startswith("keyring, by the new roots, not trusted: unknown key")
    assert json.loads((folder / "roots.json").read_bytes())["version"] == 1
    assert keyring.sign(folder, [str(elsewhere / "root2.pem")]).missing == ""
    assert json.loads((folder / "roots.json").read_bytes())["version"] == 2


def test_a_change_that_was_overtaken_is_named(folder):
    two_roots(folder)
    keyring.set_threshold(folder, 1)
    stale = (folder / "keyring.next.json").read_bytes()
    keyring.sign(folder, [str(folder.parent / "root2.pem")])
    (folder / "keyring.next.json").write_bytes(stale)
    with pytest.raises(ValueError, match=r"keyring.next.json is of version 3, not 4: remove it"):
        keyring.set_threshold(folder, 1)


def test_a_keyring_too_large_for_a_device_is_not_made(folder):
    keyring_ = ring(folder)
    for number in range(100):
        public = number.to_bytes(64, "big")
        keyring_["keys"][trust.keyid(public)] = {"public": public.hex(), "kinds": ["app"]}
    with pytest.raises(ValueError, match="devices take 16384 at most"):
        keys.write_keyring(folder / "keyring.json", keyring_)
