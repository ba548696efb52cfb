"""Releases with keyrings in front, several signatures and both kinds, from a server to a device in MicroPython."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.network import lab
from tests.update.workshop import OLD, Device, ReleaseServer, Workshop, content
from tools import keyring, keys, release, signing
from tools.release_diff import diff

OPEN = Path(__file__).with_name("device_open.py")
UPDATE = Path(__file__).parent.parent / "update/device_update.py"
VERSIONS = {"app": "1.0.0", "runtime": "1.26.0"}


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> lab.Authority:
    return lab.Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path / "workshop")


@pytest.fixture
def device(workshop: Workshop, tmp_path: Path) -> Device:
    return workshop.device(tmp_path / "device")


@pytest.fixture
def run(authority: lab.Authority, device: Device, tmp_path: Path) -> Callable:
    """`run(script, path, **job)`: what the device says last of the release at `path`, and the server."""

    def serve(script: Path, path: Path, **job: object) -> tuple:
        (tmp_path / "ca.der").write_bytes(authority.der)
        options = {"root": str(device.root), "ca": str(tmp_path / "ca.der"), "versions": VERSIONS}
        with ReleaseServer(authority, path) as server:
            told = {"url": server.url + "/r", "digest": server.digest, "forced": False, **job}
            lasting = {"timeout_ms": 2000, "defer": [None], "job": told}
            (tmp_path / "options.json").write_text(json.dumps({**options, **lasting}))
            lines = lab.run_device(script, tmp_path / "options.json")
        return json.loads(lines[-1]), server

    return serve


@pytest.fixture
def opened(run: Callable) -> Callable:
    """`opened(path, **job)`: [what became of it, version of the keyring that the device has then]."""
    return lambda path, **job: run(OPEN, path, **job)[0]


def name_of(path: Path) -> str:
    return signing.key_id(signing.load_key(path))


def second_key(workshop: Workshop) -> Path:
    """Trusted from keyring 2 on, and the first key revoked by keyring 3."""
    keys.generate(workshop.keys / "second.pem")
    keyring.add(workshop.keys, signing.load_public(workshop.keys / "second.pem"), ["app"])
    keyring.revoke(workshop.keys, name_of(workshop.keys / "release.pem"))
    return workshop.keys / "second.pem"


def test_a_key_that_the_device_learns_from_the_release_itself(workshop, device, opened):
    path = workshop.release(OLD, second_key(workshop), version="1.1.0")
    name = name_of(workshop.keys / "second.pem")
    assert opened(path) == [f"Refused: release not trusted: unknown key {name}", 1]
    release.with_keyrings(path, keys.in_front(workshop.keys))
    assert opened(path) == ["taken 1.1.0", 3]
    kept = (device.root / "etc/keyring.json").read_bytes()
    assert kept == (workshop.keys / "keyring.json").read_bytes()
    assert opened(path) == ["taken 1.1.0", 3]


def test_a_revoked_key_is_refused_by_the_keyring_that_its_release_brings_and_from_then_on(
    workshop, device, opened
):
    first = keys.in_front(workshop.keys)
    path = workshop.release(OLD, version="1.1.0")
    second_key(workshop)
    words = f"Refused: release not trusted: key {name_of(workshop.keys / 'release.pem')} is revoked"
    before = device.untouchable()
    release.with_keyrings(path, keys.in_front(workshop.keys))
    assert opened(path) == [words, 3]
    release.with_keyrings(path, first)  # an old keyring doesn't bring it back
    assert opened(path) == [words, 3]
    release.with_keyrings(path, [])
    assert opened(path) == [words, 3]
    assert device.untouchable() == before and not device.sealed("b")


def test_a_keyring_that_is_not_the_roots_refuses_the_release(workshop, opened, tmp_path):
    path = workshop.release(OLD, version="1.1.0")
    other = keys.new(tmp_path / "other")["root"]
    keyring.set_threshold(tmp_path / "other", 1)
    release.with_keyrings(path, keys.in_front(tmp_path / "other"))
    assert opened(path) == [f"Refused: keyring not trusted: unknown key {other}", 1]


def test_new_roots_reach_a_device_that_slept_through_them(workshop, device, opened):
    folder = workshop.keys
    for number in (2, 3):
        (old,) = json.loads((folder / "roots.json").read_bytes())["keys"]
        keys.generate(folder / f"root{number}.pem")
        keyring.change_roots(folder, [signing.load_public(folder / f"root{number}.pem")], [old])
    keyring.set_threshold(folder, 1)
    path = workshop.release(OLD, version="1.1.0")
    release.with_keyrings(path, keys.in_front(folder))
    assert [shown["version"] for shown in release.inspect(path)["keyrings"]] == [2, 3, 4]
    assert opened(path) == ["taken 1.1.0", 4]
    assert json.loads((device.root / "etc/roots.json").read_bytes()) == json.loads(
        (folder / "roots.json").read_bytes()
    )


def test_two_of_three(workshop, device, opened):
    for name in ("second.pem", "third.pem"):
        keys.generate(workshop.keys / name)
        keyring.add(workshop.keys, signing.load_public(workshop.keys / name), ["app"])
    keyring.set_threshold(workshop.keys, 2)
    path = workshop.release(OLD, version="1.1.0")
    release.with_keyrings(path, keys.in_front(workshop.keys))
    assert opened(path) == ["Refused: release not trusted: 1 of 2 signatures", 4]
    release.sign(path, workshop.keys / "third.pem")
    assert opened(path) == ["taken 1.1.0", 4]


def test_the_kind_is_the_job_s_and_the_key_must_sign_it(workshop, opened):
    app = workshop.release(OLD, version="1.1.0")
    runtime = workshop.release({"runtime.bin": content(9000, 5)}, kind="runtime", version="1.27.0")
    name = name_of(workshop.keys / "release.pem")
    assert opened(app, kind="app") == ["taken 1.1.0", 1]
    assert opened(app, kind="runtime") == ["Refused: release is of kind app, not runtime", 1]
    assert opened(app, kind="firmware") == ["Refused: release is of kind app, not firmware", 1]
    assert opened(runtime) == ["Refused: release is of kind runtime, not app", 1]
    assert opened(runtime, kind="runtime") == [
        f"Refused: release not trusted: key {name} may not sign runtime",
        1,
    ]
    keyring.add(workshop.keys, signing.load_public(workshop.keys / "release.pem"), ["app", "runtime"])
    release.with_keyrings(runtime, keys.in_front(workshop.keys))
    assert opened(runtime, kind="runtime") == ["taken 1.27.0", 2]


def test_diff_says_what_a_device_fetches(workshop, device, run):
    """Byte for byte and request for request, with a keyring in front; all that a device may find is in it."""
    new = {
        "app/main.mpy": OLD["app/main.mpy"][:4096] + content(4096, 10) + OLD["app/main.mpy"][8192:],
        "app/added.mpy": content(2 * 4096 + 1, 11),
        "app/empty.mpy": b"",
        "board/pins.mpy": OLD["board/pins.mpy"][:200],  # cut short, otherwise as it was
        "wire/topics.mpy": OLD["wire/topics.mpy"] + b"x",  # one byte more in the last chunk
        "wire/whole.mpy": OLD["app/whole.mpy"],  # moved: fetched
    }
    old = workshop.release(OLD)
    path = workshop.release(new, version="1.1.0")
    keyring.set_threshold(workshop.keys, 1)
    release.with_keyrings(path, keys.in_front(workshop.keys))
    found = diff(old, path)
    said, server = run(UPDATE, path)
    assert said["fetched"] == found.bytes + found.head_bytes
    assert len(server.requests) == found.requests + found.head_requests
    cost = {file.path: (file.chunks, file.fetched, file.bytes, file.is_new) for file in found.files}
    assert cost == {
        "app/added.mpy": (3, 3, 8193, True),
        "app/empty.mpy": (0, 0, 0, False),
        "app/main.mpy": (6, 1, 4096, False),
        "board/pins.mpy": (1, 0, 0, False),
        "wire/topics.mpy": (2, 1, 2, False),
        "wire/whole.mpy": (2, 2, 8192, True),
    }
    assert (found.removed, found.requests) == (["app/whole.mpy"], 3)
    assert found.whole == path.stat().st_size
    assert diff(path, path).bytes == diff(path, path).requests == 0
