"""Keys: made once, kept private, listed, and refused where they are not what they should be."""

import ecdsa
import pytest
from cryptography.hazmat.primitives import serialization

from tools import keys, signing
from wire import trust


def test_new_makes_what_devices_and_people_need(tmp_path):
    made = keys.new(tmp_path / "k", ["runtime", "app"])
    keyring = keys.open_keyring(tmp_path / "k/roots.json", tmp_path / "k/keyring.json")
    assert keyring["keys"][made["release"]]["kinds"] == ["app", "runtime"]
    assert (keyring["version"], keyring["revoked"], keyring["threshold"]) == (1, [], 1)
    for name in ("root.pem", "release.pem"):
        assert (tmp_path / "k" / name).stat().st_mode & 0o777 == 0o600
        serialization.load_pem_private_key((tmp_path / "k" / name).read_bytes(), None)


@pytest.mark.parametrize("name", ["root.pem", "release.pem", "roots.json", "keyring.json"])
def test_nothing_is_ever_overwritten(name, tmp_path):
    (tmp_path / name).write_text("precious")
    with pytest.raises(FileExistsError, match=f"{name} exists: keys are never overwritten"):
        keys.new(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "precious"


def test_kinds_that_do_not_exist_are_refused(tmp_path):
    for kinds, words in ((["firmware"], "not firmware"), ([], "not none")):
        with pytest.raises(ValueError, match=f"kinds are app and runtime, {words}"):
            keys.new(tmp_path / "k", kinds)
    assert not (tmp_path / "k").exists()


def test_listing_says_what_each_key_may_and_where_it_is(tmp_path):
    made = keys.new(tmp_path)
    root, release = keys.listing(tmp_path)
    assert root == {
        "keyid": made["root"],
        "role": "root",
        "kinds": ["keyring"],
        "revoked": False,
        "private": "root.pem",
    }
    assert (release["keyid"], release["kinds"], release["private"]) == (
        made["release"],
        ["app"],
        "release.pem",
    )
    (tmp_path / "root.pem").unlink()
    assert keys.listing(tmp_path)[0]["private"] is None


def test_a_revoked_key_is_listed_so(tmp_path):
    made = keys.new(tmp_path)
    keyring = keys.open_keyring(tmp_path / "roots.json", tmp_path / "keyring.json")
    keyring.update(version=2, revoked=[made["release"]])
    keys.write_keyring(tmp_path / "keyring.json", keyring, [signing.load_key(tmp_path / "root.pem")])
    assert keys.listing(tmp_path)[1]["revoked"] is True


def test_a_keyring_of_other_roots_is_refused(tmp_path):
    keys.new(tmp_path / "1")
    other = keys.new(tmp_path / "2")["root"]
    with pytest.raises(trust.TrustError, match=f"keyring not trusted: unknown key {other}"):
        keys.open_keyring(tmp_path / "1/roots.json", tmp_path / "2/keyring.json")


def test_files_that_hold_no_key_for_releases_are_named(tmp_path):
    path = tmp_path / "key.pem"
    other = ecdsa.SigningKey.generate(ecdsa.SECP256k1)
    public = ecdsa.SigningKey.generate(ecdsa.NIST256p).verifying_key
    for content, words in (
        (b"", "holds no private key in PEM"),
        (
            b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
            "holds no private key in PEM",
        ),
        (public.to_pem(), "holds no private key in PEM"),
        (other.to_pem(), "is a key on SECP256k1, releases are signed on NIST256p"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"key.pem {words}"):
            signing.load_key(path)
