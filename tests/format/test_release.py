"""Signing, and each way in which a release can be wrong, in its own words."""

import hmac
import json
from pathlib import Path

import pytest

from tests.format.trees import make_tree
from tools import keys, release, signing
from tools.release_build import assemble, pack
from wire import dsse, frel, trust


def verify(path: Path, folder: Path) -> dict:
    return release.verify(path, folder / "roots.json", folder / "keyring.json")


def refusal(path: Path, folder: Path) -> str:
    with pytest.raises((frel.FormatError, trust.TrustError)) as caught:
        verify(path, folder)
    return str(caught.value)


def test_a_signed_release_is_whole_and_trusted(signed, signing_keys):
    manifest = verify(signed, signing_keys)
    assert (manifest["name"], manifest["version"], manifest["kind"]) == ("fieldrec", "1.1.0", "app")
    about = release.inspect(signed)
    assert about["manifest"] == manifest
    assert about["signed_by"] == [signing.key_id(signing.load_key(signing_keys / "release.pem"))]
    assert about["digest"] == frel.digest(signing.canonical(manifest))


def test_signing_twice_with_a_key_leaves_one_signature_and_another_key_adds_one(
    signed, signing_keys, tmp_path
):
    once = signed.read_bytes()
    release.sign(signed, signing_keys / "release.pem")
    assert signed.read_bytes() == once
    keys.new(tmp_path / "other")
    release.sign(signed, tmp_path / "other/release.pem")
    assert len(release.inspect(signed)["signed_by"]) == 2
    assert verify(signed, signing_keys) == verify(signed, tmp_path / "other")
    assert not list(signed.parent.glob("*.new"))


def test_unsigned_and_unknown(tree, signing_keys, tmp_path):
    path = release.build("1.0.0", ["virtual"], tmp_path / "out", tree)
    assert refusal(path, signing_keys) == "release not trusted: no signature"
    keys.new(tmp_path / "other")
    keyid = release.sign(path, tmp_path / "other/release.pem")
    assert refusal(path, signing_keys) == f"release not trusted: unknown key {keyid}"


def test_every_byte_counts(signed, signing_keys):
    """One flipped bit at places all over the file: refused each time, and by the part that it hit."""
    whole = signed.read_bytes()
    sizes = release.inspect(signed)["sizes"]
    index_at = frel.HEADER_SIZE + sizes["envelope"]
    payload_at = index_at + sizes["index"]
    for at in [*range(frel.HEADER_SIZE), *range(frel.HEADER_SIZE, len(whole), 97), len(whole) - 1]:
        signed.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        words = refusal(signed, signing_keys)
        if at >= payload_at:
            assert words.startswith("payload: chunk "), (at, words)
        elif at >= index_at:
            assert words == "index is not the one of the manifest: its SHA-256 differs"
        elif at >= frel.HEADER_SIZE:
            assert words.startswith(("envelope ", "release not trusted: ", "manifest: ")), (at, words)


def test_a_file_cut_anywhere_says_where(signed, signing_keys):
    whole = signed.read_bytes()
    sizes = release.inspect(signed)["sizes"]
    ends, start = [], frel.HEADER_SIZE
    for name in ("envelope", "index", "payload"):
        ends.append((name, start, start + sizes[name]))
        start += sizes[name]
    for size in range(frel.HEADER_SIZE):
        signed.write_bytes(whole[:size])
        assert refusal(signed, signing_keys) == f"header is cut off: {size} of 20 bytes"
    for name, first, last in ends:
        for size in (first, first + 1, last - 1):
            signed.write_bytes(whole[:size])
            assert (
                refusal(signed, signing_keys) == f"{name} is cut off: {size - first} of {last - first} bytes"
            )
    signed.write_bytes(whole + b"xyz")
    assert refusal(signed, signing_keys) == "3 bytes follow the payload"


def test_a_flipped_byte_names_its_chunk(signed, signing_keys):
    parts = release.read(signed)
    big = next(file for file in release.inspect(signed)["manifest"]["files"] if file["path"] == "app/big.mpy")
    at = big["offset"] + 5000
    payload = parts.payload[:at] + bytes([parts.payload[at] ^ 0x80]) + parts.payload[at + 1 :]
    signed.write_bytes(assemble(parts.envelope, parts.index, payload))
    words = refusal(signed, signing_keys)
    assert words == "payload: chunk 2 (app/big.mpy at 4096) is not the one of the index"


def test_parts_of_two_releases_do_not_mix(signed, signing_keys, tmp_path):
    other = release.build(
        "1.1.0", ["virtual"], tmp_path / "o", make_tree(tmp_path / "t", **{"app/main.py": "X = 1\n"})
    )
    mine, theirs = release.read(signed), release.read(other)
    signed.write_bytes(assemble(mine.envelope, theirs.index, theirs.payload))
    words = refusal(signed, signing_keys)
    assert words.startswith(("index is", "payload is")) and "by the manifest" in words
    signed.write_bytes(assemble(theirs.envelope, mine.index, mine.payload))
    assert refusal(signed, signing_keys) == "release not trusted: no signature"


def test_a_manifest_that_lies_about_a_file_is_refused_though_it_is_signed(signed, signing_keys):
    parts = release.read(signed)
    manifest = release.inspect(signed)["manifest"]
    manifest["files"][1]["sha256"] = "0" * 64
    signed.write_bytes(
        assemble(_sealed(signing.canonical(manifest), signing_keys), parts.index, parts.payload)
    )
    assert refusal(signed, signing_keys) == "payload: app/big.mpy is not the manifest's: its SHA-256 differs"


def test_a_manifest_in_another_spelling_is_refused_though_it_is_signed(signed, signing_keys):
    parts = release.read(signed)
    spaced = json.dumps(release.inspect(signed)["manifest"]).encode()
    signed.write_bytes(assemble(_sealed(spaced, signing_keys), parts.index, parts.payload))
    assert refusal(signed, signing_keys).startswith("manifest is not in canonical form")


def test_what_is_broken_is_not_signed(signed, signing_keys):
    whole = signed.read_bytes()
    signed.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(frel.FormatError, match="payload: chunk"):
        release.sign(signed, signing_keys / "release.pem")


def test_a_release_that_no_device_would_take_is_not_made():
    with pytest.raises(frel.FormatError, match="files is not valid"):
        pack({"kind": "app"} | _fields(), {})
    with pytest.raises(frel.FormatError, match=r"files\[0\].path is not valid"):
        pack(_fields(), {"../x": b"1"})
    with pytest.raises(frel.FormatError, match="payload"):
        pack(_fields(), {"x": bytes(frel.MAX_PAYLOAD), "y": b"1"})


def test_unpack_lays_out_a_slot_with_its_seal(signed, tmp_path):
    secret = bytes(range(32))
    manifest = release.unpack(signed, tmp_path / "a", secret)
    payload = (tmp_path / "a/manifest.json").read_bytes()
    assert frel.digest(payload) == release.inspect(signed)["digest"]
    assert (tmp_path / "a/seal").read_bytes() == hmac.digest(secret, payload, "sha256")
    found = {
        path.relative_to(tmp_path / "a").as_posix() for path in (tmp_path / "a").rglob("*") if path.is_file()
    }
    assert found == {file["path"] for file in manifest["files"]} | {"manifest.json", "seal"}
    release.unpack(signed, tmp_path / "b")
    assert not (tmp_path / "b/seal").exists()


def _fields() -> dict:
    requires = {"runtime": "1.26.0", "app": "0.0.0"}
    fields = {
        "kind": "app",
        "name": "fieldrec",
        "version": "1.0.0",
        "security_version": 1,
        "boards": ["virtual"],
    }
    return {**fields, "requires": requires, "created": "2026-01-01T00:00:00Z"}


def _sealed(payload: bytes, folder: Path) -> bytes:
    signature = signing.sign(signing.load_key(folder / "release.pem"), dsse.PAYLOAD_TYPE_MANIFEST, payload)
    return dsse.pack(dsse.PAYLOAD_TYPE_MANIFEST, payload, [signature])
