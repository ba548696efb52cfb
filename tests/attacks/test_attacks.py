"""Every attack of the tables against the real update client and the real loader, inside MicroPython."""

import json
from pathlib import Path

import pytest

from tests.attacks import boots, envelopes, harmless, keyrings, manifests, travelling
from tests.attacks.attack import Attack
from tests.attacks.forge import EVIL, NAMES, NEW, Forged, ring, roots
from tests.network import lab
from tests.network.lab import Authority, Handler, WebServer
from tests.update.workshop import OLD, Device, Workshop
from tools import release
from wire import frel

DEVICE = Path(__file__).with_name("device_attacks.py")
ATTACKS: dict[str, Attack] = {
    **envelopes.ATTACKS,
    **keyrings.ATTACKS,
    **travelling.ATTACKS,
    **manifests.ATTACKS,
}
TAMPERINGS = {**boots.ATTACKS, **boots.UNSEEN}


class Field:
    """A device for each attack, and one run of MicroPython for all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "workshop").mkdir()
        self.workshop = Workshop(folder / "workshop")
        self.authority = Authority(folder)
        (folder / "ca.der").write_bytes(self.authority.der)
        self.running = release.read(self.workshop.release(OLD))
        self.older = release.read(self.workshop.release({**OLD, "app/whole.mpy": b"older"}, version="0.9.0"))
        self.combs = folder / "combs"  # of the keys, derived once for all, as all have the same secret
        self.combs.mkdir()
        self.devices: dict[str, Device] = {}
        self.before: dict[str, dict[str, bytes]] = {}
        self.files: dict[str, bytes] = {}
        self.outcomes: dict[str, dict] = {}

    def device(self, name: str) -> Device:
        device = Device(
            self.workshop, self.folder / f"device{len(self.devices)}", self.running, bytes(range(32))
        )
        (device.root / "etc/roots.json").write_bytes(roots())
        (device.root / "etc/keyring.json").write_bytes(ring())
        (device.root / "boot.json").write_bytes(boots.record(security_floor=0))
        self.devices[name] = device
        return device

    def update(self, name: str, attack: Attack) -> dict:
        """What the device is to be told of the attack."""
        device, forged = self.device(name), attack.forged()
        (device.root / "etc/combs").symlink_to(self.combs)
        (device.root / "boot.json").write_bytes(boots.record(security_floor=attack.floor))
        for file, data in attack.etc.items():
            (device.root / "etc" / file).unlink()
            if data is not None:
                (device.root / "etc" / file).write_bytes(data)
        self.files[f"/{len(self.files)}"] = forged.bytes()
        job = {"url": f"/{len(self.files) - 1}", "digest": forged.digest, "forced": False, "kind": "app"}
        self.before[name] = device.untouchable() | trusted(device)
        versions = {"app": "1.0.0", "runtime": "1.29.0"}
        return {"name": name, "root": str(device.root), "job": {**job, **attack.job}, "versions": versions}

    def boot(self, name: str, tampering: boots.Tampering) -> dict:
        device = self.device(name)
        (device.root / "boot.json").write_bytes(boots.record())
        if not tampering.only_a:
            device.fill("b", self.older)
        tampering.change(device)
        return {"name": name, "root": str(device.root)}

    def serve(self, handler: Handler) -> None:
        """As RFC 9110 has it: what of the range is there, or 416."""
        data = self.files[handler.path]
        if handler.range()[0] >= len(data):
            handler.reply(416, b"range not satisfiable")
        else:
            handler.reply_range(data)

    def run(self) -> None:
        with WebServer(self.authority, self.serve) as server:
            updates = [self.update(name, each) for name, each in {**ATTACKS, **harmless.HARMLESS}.items()]
            for each in updates:
                each["job"]["url"] = server.url + each["job"]["url"]
            tampered = [self.boot(name, each) for name, each in TAMPERINGS.items()]
            plan = {"ca": str(self.folder / "ca.der"), "updates": updates, "boots": tampered}
            (self.folder / "plan.json").write_text(json.dumps(plan))
            lines = lab.run_device(DEVICE, self.folder / "plan.json", heap="8M")
        outcomes = [json.loads(line) for line in lines if line.startswith("{")]
        self.outcomes = {each["name"]: each for each in outcomes}


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    field = Field(tmp_path_factory.mktemp("attacks"))
    field.run()
    return field


def trusted(device: Device) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (device.root / "etc").iterdir() if path.is_file()}


def words_of(attack: Attack, device: Device) -> str:
    envelope, payload = len(Forged().envelope), sum(map(len, NEW.values()))
    envelope_end, at_payload = frel.HEADER_SIZE + envelope, len(Forged().bytes()) - payload
    places = {
        "b": device.root / "b", "root_folder": device.root, "good": Forged().digest[:16],
        "evil": Forged(EVIL).digest[:16], "at_payload": at_payload, "at_third": at_payload + 2 * frel.CHUNK,
        "envelope_last": envelope_end - 1, "envelope_cut": envelope_end - 2,
        "index_first": envelope_end, "index_last": at_payload - 1, "index_cut": at_payload - 2,
        "wanted_last": at_payload + len(NEW["app/main.mpy"]) - 1,
        "payload_cut": at_payload + 4999, "payload_end": at_payload + 5000,
    }  # fmt: skip
    return attack.words.format(**NAMES, **places)


@pytest.mark.parametrize("name", ATTACKS)
def test_a_forgery_is_refused_in_its_own_words(name, field):
    attack, device, outcome = ATTACKS[name], field.devices[name], field.outcomes[name]
    assert (outcome["ends"], outcome["words"]) == (attack.ends, words_of(attack, device))
    assert (
        device.untouchable() | (field.before[name] if attack.learnt else trusted(device))
        == field.before[name]
    )
    assert not device.sealed("b")
    assert attack.touched or device.files("b") == {}, "refused only after the spare slot was touched"


@pytest.mark.parametrize("name", harmless.HARMLESS)
def test_what_looks_like_an_attack_and_is_none(name, field):
    device = field.devices[name]
    assert field.outcomes[name]["ends"] == "installed", field.outcomes[name]
    assert device.files("b") == NEW
    assert device.record()["active"] == "b" and device.sealed("b")


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_tampered_flash_starts_what_is_good_and_nothing_else(name, field):
    tampering, outcome = TAMPERINGS[name], field.outcomes[name]
    assert outcome["wrong"]["a"] == tampering.words
    assert outcome["slot"] == tampering.slot
    assert outcome["record"] == tampering.record


def test_the_tables_are_as_long_as_they_should_be():
    assert len({each.words for each in ATTACKS.values()}) >= 40
    names = [*ATTACKS, *harmless.HARMLESS, *TAMPERINGS]
    assert len(set(names)) == len(names), "a name twice would hide an attack"
