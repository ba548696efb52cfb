"""The updates during which power is cut, and all that they need in a folder: a device's flash, releases, keys.

Everything in it is the same each time, for the same tree: littlefs places its blocks by what it was given, so one
number names one and the same moment in every run.
"""

from __future__ import annotations

import binascii
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import ecdsa
from ecdsa.util import sigencode_string

from tests.powercut.maker import Maker, runtime_image
from tools import firmware, release
from tools.virtual.board import VirtualBoard
from wire import dsse, frel, trust

OLDER = "0.9.0"  # what an app's spare slot still holds
# kind: what runs, what it is updated to while power is cut, and what comes after that
VERSIONS = {"app": ("1.0.0", "1.1.0", "1.2.0"), "runtime": ("1.28.0", "1.29.0", "1.30.0")}
SETTINGS = {"wifi_ssid": "the field", "update_min_mv": 3800}
SECRET = hashlib.sha256(b"seal").digest()


@dataclass(frozen=True)
class Scenario:
    """`behaviour` of the new version: "good", "bad" or "hangs" (tests/powercut/device_cloud). A used device has an
    older release in its spare slot, and a boot record; one from the factory has neither. Power is cut from the start of
    number `since` on: what comes before is as in another scenario."""

    name: str
    what: str
    kind: str
    behaviour: str
    used: bool
    since: int = 0


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("app", "an app update that is confirmed", "app", "good", used=True),
        Scenario("revert", "a first app update that fails its self-test", "app", "bad", used=False),
        Scenario(
            "hang", "an app update that hangs on trial, three times", "app", "hangs", used=True, since=1
        ),
        Scenario("runtime", "a runtime update that is confirmed", "runtime", "good", used=True),
        Scenario(
            "runtime-revert",
            "a runtime update that fails its self-test",
            "runtime",
            "bad",
            used=True,
            since=1,
        ),
    )
}


class Trust:
    """Roots and keyrings: the second keyring brings a new root and a new release key, and revokes the old one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        names = ("root", "root2", "release", "release2")
        self._keys = {name: self._key(name) for name in names}
        roots = {"version": 1, "keys": self._public("root"), "threshold": 1}
        new_roots = {"version": 2, "keys": self._public("root2"), "threshold": 1}
        keys = {
            keyid: {"public": public, "kinds": list(frel.KINDS)}
            for keyid, public in self._public("release").items()
        }
        new_keys = {
            keyid: {"public": public, "kinds": list(frel.KINDS)}
            for keyid, public in self._public("release2").items()
        }
        first = {"version": 1, "keys": keys, "revoked": [], "threshold": 1}
        second = {
            "version": 2,
            "keys": keys | new_keys,
            "revoked": list(keys),
            "threshold": 1,
            "roots": new_roots,
        }
        self.keyrings = [self._sign(first, "root"), self._sign(second, "root", "root2")]
        (folder / "roots.json").write_text(json.dumps(roots))
        (folder / "keyring.json").write_bytes(self.keyrings[0])
        self.stages = [(self.keyrings[0], roots), (self.keyrings[1], roots), (self.keyrings[1], new_roots)]

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def _key(self, name: str) -> ecdsa.SigningKey:
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()) % ecdsa.NIST256p.order
        key = ecdsa.SigningKey.from_secret_exponent(number, ecdsa.NIST256p)
        self.path(name).write_bytes(key.to_pem())
        return key

    def _public(self, name: str) -> dict[str, str]:
        public = self._keys[name].verifying_key.to_string()
        return {trust.keyid(public): public.hex()}

    def _sign(self, keyring: dict, *names: str) -> bytes:
        payload = json.dumps(keyring, sort_keys=True, separators=(",", ":")).encode()
        message = dsse.pae(dsse.PAYLOAD_TYPE_KEYRING, payload)
        signatures = []
        for name in names:
            signature = self._keys[name].sign_deterministic(
                message, hashfunc=hashlib.sha256, sigencode=sigencode_string
            )
            signatures.append((next(iter(self._public(name))), signature))
        return dsse.pack(dsse.PAYLOAD_TYPE_KEYRING, payload, signatures)


@dataclass(frozen=True)
class Material:
    """`releases` by (kind, version), and what is on the flash of a device that is to be updated."""

    releases: dict[tuple[str, str], Path]
    files: dict[str, bytes]
    trust: list[tuple[bytes, dict]]


def make(scenario: Scenario, folder: Path, whole: bool = False) -> Material:
    """Build all of a scenario in `folder`, which is made; the apps are to run if they are `whole`."""
    folder.mkdir()
    keys, maker = Trust(folder / "keys"), Maker(folder, whole)
    first_key, key, keyring = keys.path("release"), keys.path("release2"), keys.keyrings[1]
    older = maker.app(OLDER, 1, "older", first_key)
    first = maker.app(VERSIONS["app"][0], 1, "", first_key)
    _, update, following = VERSIONS[scenario.kind]
    if scenario.kind == "app":
        made = [maker.app(update, 2, "update", key), maker.app(following, 3, "following", key)]
    else:
        made = [maker.runtime(update, 2, key), maker.runtime(following, 3, key)]
    made[0].write_bytes(frel.pack_keyring(keyring) + made[0].read_bytes())
    releases = {("app", OLDER): older, ("app", VERSIONS["app"][0]): first}
    releases |= {(scenario.kind, update): made[0], (scenario.kind, following): made[1]}
    files = firmware.spl_files("virtual") | _etc(keys) | _slot("a", first)
    if scenario.used:
        files |= _slot("b", older) | {
            "boot.json": _boot_record(previous="b", security_floor=1, runtime_floor=1)
        }
    return Material(releases, files, keys.stages)


def prepare(scenario: Scenario, folder: Path) -> None:
    """Make `folder`, with what tests/powercut/device_setup reads."""
    made = make(scenario, folder)
    image = folder / "runtime.bin"
    image.write_bytes(runtime_image(VERSIONS["runtime"][0]))
    VirtualBoard.create(folder / "board", made.files, runtime=image.read_bytes())
    jobs = [(scenario.kind, version) for version in VERSIONS[scenario.kind][1:]]
    behaviours = {jobs[0]: scenario.behaviour}
    told = {
        "releases": [[str(path), behaviours.get(key, "good")] for key, path in made.releases.items()],
        "jobs": jobs,
        "trust": [[keyring.decode(), roots] for keyring, roots in made.trust],
        "image": str(image),
    }
    (folder / "scenario.json").write_text(json.dumps(told))


def _etc(keys: Trust) -> dict[str, bytes]:
    device = {"id": "dev-0001", "board": "virtual", "cloud": "https://127.0.0.1:1"}
    etc = {
        "device.json": json.dumps(device).encode(),
        "settings.json": json.dumps(SETTINGS).encode(),
        "seal.key": SECRET,
        "mqtt.json": b'{"host": "127.0.0.1", "port": 1}',
        **{name: (keys.folder / name).read_bytes() for name in ("roots.json", "keyring.json")},
        **{name: hashlib.sha256(name.encode()).digest() * 20 for name in ("ca.der", "cert.der", "key.der")},
    }
    return {f"etc/{name}": content for name, content in etc.items()}


def _boot_record(**changes: object) -> bytes:
    record = {
        "active": "a", "state": "confirmed", "tries_left": 3, "previous": None, "security_floor": 0, "reason": "",
        "release": "",
    }  # fmt: skip
    text = json.dumps(record | changes).encode()
    return text + b"\n%08x" % binascii.crc32(text)


def _slot(slot: str, path: Path) -> dict[str, bytes]:
    folder = path.parent / f"slot-{path.stem}"
    release.unpack(path, folder, SECRET)
    return {
        f"{slot}/{p.relative_to(folder).as_posix()}": p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }
