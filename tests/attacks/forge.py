"""Releases and keyrings as an attacker would make them: every part can be other than it should be."""

import base64
import hashlib
import json
from collections.abc import Iterable
from typing import Any

import ecdsa

from tests.update.workshop import FIELDS, OLD, content
from tools import release_build, signing
from wire import dsse, frel

MANIFEST, KEYRING = dsse.PAYLOAD_TYPE_MANIFEST, dsse.PAYLOAD_TYPE_KEYRING
ORDER = ecdsa.NIST256p.order

NEW = {**OLD, "app/main.mpy": content(3 * 4096, 50), "app/wifi.mpy": content(100, 51)}
EVIL = {**OLD, "app/main.mpy": content(3 * 4096, 60), "app/wifi.mpy": content(100, 61)}  # of the same sizes


def key(number: int) -> ecdsa.SigningKey:
    return ecdsa.SigningKey.from_secret_exponent(number, ecdsa.NIST256p)


ROOT, RELEASE, SECOND, RUNTIME, REVOKED, STRANGER, NEXT_ROOT = (key(number) for number in range(201, 208))

# how the keys are called in the tables
NAMES = {
    name: signing.key_id(each)
    for name, each in (
        ("root", ROOT), ("release", RELEASE), ("second", SECOND),
        ("runtime", RUNTIME), ("revoked", REVOKED), ("stranger", STRANGER),
        ("next_root", NEXT_ROOT),
    )
}  # fmt: skip


def sealed(payload_type: str, payload: bytes, signers: Iterable[ecdsa.SigningKey]) -> bytes:
    signatures = [signing.sign(signer, payload_type, payload) for signer in signers]
    return dsse.pack(payload_type, payload, signatures)


def keyring(**changes: Any) -> dict:
    """What the device holds: two keys for apps, one for runtimes, one revoked."""
    keys = {
        signing.key_id(each): {"public": signing.public_key(each).hex(), "kinds": kinds}
        for each, kinds in (
            (RELEASE, ["app"]), (SECOND, ["app"]), (RUNTIME, ["runtime"]), (REVOKED, ["app"]),
        )
    }  # fmt: skip
    return {"version": 7, "keys": keys, "revoked": [NAMES["revoked"]], "threshold": 1, **changes}


def ring(
    signers: Iterable[ecdsa.SigningKey] = (ROOT,), payload: bytes | None = None, **changes: Any
) -> bytes:
    """keyring.json."""
    return sealed(KEYRING, payload or signing.canonical(keyring(**changes)), signers)


def root_keys(*keys: ecdsa.SigningKey, version: int = 1, threshold: int = 1) -> dict:
    public = {signing.key_id(each): signing.public_key(each).hex() for each in keys}
    return {"version": version, "keys": public, "threshold": threshold}


def roots(threshold: int = 1) -> bytes:
    """roots.json."""
    return signing.canonical(root_keys(ROOT, threshold=threshold))


class Forged:
    """A release of NEW, right in all parts; each method changes a part and gives the release back."""

    def __init__(self, contents: dict[str, bytes] = NEW, **fields: Any) -> None:
        whole = release_build.pack({**FIELDS, "version": "1.1.0", **fields}, contents)
        envelope, index, _ = frel.parse_header(whole)
        start = frel.HEADER_SIZE + envelope
        self.manifest = dsse.parse(whole[frel.HEADER_SIZE : start])[1]
        self.index, self.payload = whole[start : start + index], whole[start + index :]
        self.envelope = b""
        self.lengths: tuple[int, int, int] | None = None
        self.magic, self.format = frel.MAGIC, frel.FORMAT
        self.cut: int | None = None
        self.front = b""
        self.sign(RELEASE)

    def sign(self, *signers: ecdsa.SigningKey) -> "Forged":
        self.envelope = sealed(MANIFEST, self.manifest, signers)
        return self

    def say(self, **changes: Any) -> "Forged":
        """A manifest with other fields, signed as it should be: what a stolen release key could do."""
        return self.say_raw(signing.canonical({**json.loads(self.manifest), **changes}))

    def say_raw(self, manifest: bytes) -> "Forged":
        self.manifest = manifest
        return self.sign(RELEASE)

    def file(self, number: int, **changes: Any) -> "Forged":
        """The same for one file of the manifest."""
        files = json.loads(self.manifest)["files"]
        files[number].update(changes)
        return self.say(files=files)

    def signatures(self, *signatures: tuple[str, bytes]) -> "Forged":
        self.envelope = dsse.pack(MANIFEST, self.manifest, list(signatures))
        return self

    def after(self, *keyrings: bytes) -> "Forged":
        """With keyrings in front of it."""
        return self.replace(front=b"".join(frel.pack_keyring(each) for each in keyrings))

    def replace(self, **parts: Any) -> "Forged":
        for name, value in parts.items():
            setattr(self, name, value)
        return self

    def edit(self, old: str, new: str) -> "Forged":
        """The envelope's text with something exchanged."""
        assert old.encode() in self.envelope, old
        return self.replace(envelope=self.envelope.replace(old.encode(), new.encode(), 1))

    def bytes(self) -> bytes:
        lengths = self.lengths or (len(self.envelope), len(self.index), len(self.payload))
        header = frel.pack_header(*(length % 2**32 for length in lengths))
        header = self.magic + self.format.to_bytes(4, "big") + header[8:]
        return (self.front + header + self.envelope + self.index + self.payload)[: self.cut]

    @property
    def digest(self) -> str:
        """What the job names: the attacker owns the cloud, too."""
        return hashlib.sha256(self.manifest).hexdigest()


def signature(signer: ecdsa.SigningKey, forged: Forged, payload_type: str = MANIFEST) -> bytes:
    return signing.sign(signer, payload_type, forged.manifest)[1]


def twin(sig: bytes) -> bytes:
    """(r, n - s): the other signature that ECDSA takes for the same message."""
    return sig[:32] + (ORDER - int.from_bytes(sig[32:], "big")).to_bytes(32, "big")


def pair(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
