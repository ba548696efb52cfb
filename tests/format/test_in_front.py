"""A keyring in front of a release: put there, read, shown, and judged, by the tools and by the cloud."""

from pathlib import Path

import pytest

from cloud.ota import verify as cloud
from tools import keyring, keys, release, signing
from tools.release_build import assemble
from wire import frel, trust


def verify(path: Path, folder: Path) -> dict:
    """By the tools and by the cloud, which must agree."""
    manifest = release.verify(path, folder / "roots.json", folder / "keyring.json")
    taken = cloud.verify(path, cloud.load_keyring(folder / "roots.json", folder / "keyring.json"))
    assert (taken.manifest, taken.size) == (manifest, path.stat().st_size)
    return manifest


def refusal(path: Path, folder: Path) -> str:
    """The words of the tools; the cloud refuses, too."""
    with pytest.raises((frel.FormatError, trust.TrustError)):
        cloud.verify(path, cloud.load_keyring(folder / "roots.json", folder / "keyring.json"))
    with pytest.raises((frel.FormatError, trust.TrustError)) as caught:
        release.verify(path, folder / "roots.json", folder / "keyring.json")
    return str(caught.value)


@pytest.fixture
def newer(signing_keys: Path, tmp_path: Path) -> Path:
    """The folder one version on: a second release key, and the first one revoked."""
    folder = tmp_path / "newer"
    folder.mkdir()
    for path in signing_keys.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    keys.generate(folder / "second.pem")
    keyring.add(folder, signing.load_public(folder / "second.pem"), ["app"])
    keyring.revoke(folder, signing.key_id(signing.load_key(folder / "release.pem")))
    return folder


def test_digest_and_signatures_stay_and_the_keyring_counts(signed, signing_keys, newer):
    release.sign(signed, newer / "second.pem")
    before = release.inspect(signed)
    assert len(before["signed_by"]) == 2 and before["keyrings"] == [] and before["sizes"]["keyrings"] == 0
    release.with_keyrings(signed, keys.in_front(newer))
    after = release.inspect(signed)
    assert {**after, "keyrings": [], "sizes": 0} == {**before, "sizes": 0}
    (shown,) = after["keyrings"]
    assert (shown["version"], len(shown["keys"]), len(shown["revoked"])) == (3, 2, 1)
    assert shown["signed_by"] == [signing.key_id(signing.load_key(newer / "root.pem"))]
    assert verify(signed, signing_keys)["version"] == verify(signed, newer)["version"] == "1.1.0"
    whole = signed.read_bytes()
    release.with_keyrings(signed, keys.in_front(newer))  # again: in place of the one there
    release.sign(signed, newer / "second.pem")  # and it stays when the release is signed anew
    assert signed.read_bytes() == whole


def test_the_revoked_key_s_release_falls_with_the_keyring_that_it_brings(signed, signing_keys, newer):
    verify(signed, signing_keys)
    release.with_keyrings(signed, keys.in_front(newer))
    name = signing.key_id(signing.load_key(signing_keys / "release.pem"))
    assert refusal(signed, signing_keys) == f"release not trusted: key {name} is revoked"


def test_an_old_keyring_brings_no_revoked_key_back(signed, signing_keys, newer):
    release.with_keyrings(signed, keys.in_front(signing_keys))
    name = signing.key_id(signing.load_key(signing_keys / "release.pem"))
    assert refusal(signed, newer) == f"release not trusted: key {name} is revoked"


def test_a_keyring_of_other_roots_is_refused_though_the_release_is_good(signed, signing_keys, tmp_path):
    other = keys.new(tmp_path / "other")["root"]
    keyring.set_threshold(tmp_path / "other", 1)  # version 2
    release.with_keyrings(signed, keys.in_front(tmp_path / "other"))
    assert refusal(signed, signing_keys) == f"keyring not trusted: unknown key {other}"


def test_keyrings_go_oldest_first(signed, signing_keys, newer):
    one, two = (folder.joinpath("keyring.json").read_bytes() for folder in (signing_keys, newer))
    release.with_keyrings(signed, [one, two])
    assert [shown["version"] for shown in release.inspect(signed)["keyrings"]] == [1, 3]
    for wrong in ([two, one], [one, one]):
        with pytest.raises(ValueError, match="the oldest goes first"):
            release.with_keyrings(signed, wrong)
    with pytest.raises(trust.TrustError, match="no keyring"):
        release.with_keyrings(signed, [release.read(signed).envelope])


def test_cut_anywhere_or_broken_it_says_where(signed, signing_keys, newer):
    release.with_keyrings(signed, keys.in_front(newer))
    whole, size = signed.read_bytes(), len(release.read(signed).keyrings[0])
    for cut, words in (
        (3, "header is cut off: 3 of 20 bytes"),
        (7, "keyring section is cut off: 7 of 12 bytes"),
        (12, f"keyring is cut off: 0 of {size} bytes"),
        (12 + size - 1, f"keyring is cut off: {size - 1} of {size} bytes"),
        (12 + size, "header is cut off: 0 of 20 bytes"),
        (12 + size + 20, f"envelope is cut off: 0 of {len(release.read(signed).envelope)} bytes"),
    ):
        signed.write_bytes(whole[:cut])
        assert refusal(signed, signing_keys) == words
    for at in [*range(12), *range(12, 12 + size, 37)]:
        signed.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert refusal(signed, signing_keys)


def test_more_than_a_device_takes_is_not_made(signed, newer):
    parts, (ring,) = release.read(signed), keys.in_front(newer)
    assert assemble(parts.envelope, parts.index, parts.payload, [ring] * frel.MAX_KEYRINGS)
    for rings, words in (
        ([ring] * (frel.MAX_KEYRINGS + 1), "more than 8 keyrings in front"),
        ([b"k" * (frel.MAX_KEYRING + 1)], "keyring length 16385 is not in"),
    ):
        with pytest.raises(frel.FormatError, match=words):
            assemble(parts.envelope, parts.index, parts.payload, rings)


def test_unpack_leaves_it_out(signed, newer, tmp_path):
    release.unpack(signed, tmp_path / "one")
    release.with_keyrings(signed, keys.in_front(newer))
    release.unpack(signed, tmp_path / "two")
    one, two = (sorted(p.name for p in (tmp_path / name).rglob("*")) for name in ("one", "two"))
    assert one == two and (tmp_path / "two/manifest.json").exists()
