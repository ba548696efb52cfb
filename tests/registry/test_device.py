"""The device's own code against the running service: in by its factory, told what to do, renewed, revoked."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from typer.testing import CliRunner

from cloud.processes import Cloud
from tests.cloud.fleet import csr_of
from tests.cloud_fixtures import running_cloud
from tests.network import lab
from tests.network.online import Running, booted
from tests.registry.parties import Factory, new_key
from tests.update.workshop import Device, Workshop
from tools.cli import main

WAIT_S = 20
LIMIT_S = 10


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with running_cloud("registration") as running:
        yield running


@pytest.fixture(scope="module")
def admin(cloud: Cloud) -> Iterator[httpx.Client]:
    token = {"Authorization": f"Bearer {cloud.admin_token}"}
    url = cloud.urls["registration"]
    with httpx.Client(
        base_url=url, headers=token, verify=lab.ssl.create_default_context(cafile=cloud.ca)
    ) as client:
        yield client


@pytest.fixture
def device(cloud: Cloud, admin: httpx.Client, tmp_path: Path) -> Device:
    """As it leaves a factory that the cloud knows: with a certificate of the factory, and its key."""
    factory = Factory()
    asked = {"name": f"east-{secrets.token_hex(4)}", "certificate": factory.pem, "board": "virtual"}
    admin.post("/v1/factory-authorities", json=asked).raise_for_status()
    device = Workshop(tmp_path / "workshop").device(tmp_path / "device")
    certificate, key = factory.device("dev-1")
    form = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ca = x509.load_pem_x509_certificate(cloud.ca.read_bytes())
    etc = {
        "ca.der": ca.public_bytes(serialization.Encoding.DER),
        "factory-cert.der": certificate,
        "factory-key.der": key.private_bytes(serialization.Encoding.DER, *form),
        "device.json": json.dumps(
            {"id": "dev-1", "board": "virtual", "cloud": cloud.urls["registration"]}
        ).encode(),
    }
    for name, data in etc.items():
        (device.root / "etc" / name).write_bytes(data)
    return device


def until(admin: httpx.Client, path: str, right: Callable[[dict], object], wait_s: float = WAIT_S) -> dict:
    deadline = time.monotonic() + wait_s
    while not right(found := admin.get(path).raise_for_status().json()):
        assert time.monotonic() < deadline, f"still: {found}"
        time.sleep(0.05)  # the service says nothing by itself when something changes
    return found


def order(admin: httpx.Client, command: str) -> dict:
    """Its end."""
    answer = admin.post("/v1/commands", json={"ids": ["dev-1"], "command": command}).raise_for_status()
    number = answer.json()["commands"]["dev-1"]
    return until(admin, f"/v1/commands/{number}", lambda row: row["status"] != "QUEUED")


def serial_on(device: Device) -> str:
    der = (device.root / "etc/cert.der").read_bytes()
    return format(x509.load_der_x509_certificate(der).serial_number, "x")


def in_force(found: dict) -> list[str]:
    return [each["serial"] for each in found["certificates"] if not each["revoked_at"]]


def test_a_devices_life(admin, device):
    with booted(device) as running:
        until(admin, "/v1/devices?limit=1", lambda found: found["devices"] and found["devices"][0]["online"])
        settings_are_applied_or_refused(admin, device)
        assert order(admin, "send-log")["result"] == {"lines": ["1.000 a line"]}
        assert order(admin, "identify")["status"] == "SUCCEEDED"
        a_new_certificate_while_it_is_online(admin, device, running)
        assert order(admin, "reboot")["status"] == "SUCCEEDED"
        assert running.until("reset") == "asked by the cloud"
    with booted(device) as running:
        running.until("log")
        until(admin, "/v1/devices/dev-1", lambda found: found["online"])
        a_cut_rotation_is_taken_up(admin, device)
    with booted(device) as running:
        until(admin, "/v1/devices/dev-1", lambda found: found["online"])
        revoked_it_is_out(admin, running)


def settings_are_applied_or_refused(admin: httpx.Client, device: Device) -> None:
    wanted = {"segment_s": 30, "heartbeat_s": 5, "colour": "red"}
    admin.post("/v1/configs", json={"ids": ["dev-1"], "settings": wanted}).raise_for_status()
    twin = until(admin, "/v1/devices/dev-1/config", lambda found: found["settled"] and found["reported"])
    assert twin["reported"]["segment_s"] == 30 and twin["reported"]["heartbeat_s"] == 60
    assert twin["refused"] == {
        "heartbeat_s": "setting heartbeat_s is 5, not whole seconds from 10 to 3600",
        "colour": "no setting 'colour'",
    }
    assert "wifi_key" not in twin["reported"]
    assert json.loads((device.root / "etc/settings.json").read_text()) == {"segment_s": 30}


def a_new_certificate_while_it_is_online(admin: httpx.Client, device: Device, running: Running) -> None:
    old = serial_on(device)
    row = order(admin, "rotate-cert")
    assert row["status"] == "SUCCEEDED", row
    assert serial_on(device) != old
    assert not list((device.root / "etc").glob("*-new.der"))
    found = until(admin, "/v1/devices/dev-1", lambda found: len(found["certificates"]) == 2)
    assert in_force(found) == [serial_on(device)]
    until(admin, "/v1/devices/dev-1", lambda found: found["online"])


def a_cut_rotation_is_taken_up(admin: httpx.Client, device: Device) -> None:
    """The power went after the new key was in place, and before the certificate was."""
    etc, old = device.root / "etc", (device.root / "etc/cert.der").read_bytes()
    assert order(admin, "rotate-cert")["status"] == "SUCCEEDED"
    new = (etc / "cert.der").read_bytes()
    (etc / "cert-new.der").write_bytes(new)
    (etc / "cert.der").write_bytes(old)


def revoked_it_is_out(admin: httpx.Client, running: Running) -> None:
    begun = time.monotonic()
    admin.post("/v1/revocations", json={"ids": ["dev-1"], "why": "stolen"}).raise_for_status()
    until(admin, "/v1/devices/dev-1", lambda found: not found["online"], LIMIT_S)
    assert time.monotonic() - begun < LIMIT_S
    while not any("refuses: not authorised" in str(line.get("log")) for line in running.said):
        running.until("log")


def test_what_is_due_is_renewed_without_being_asked(admin, device):
    """`renew` in /etc/mqtt.json has passed."""
    token = admin.post("/v1/claims", json={"device_id": "dev-1"}).json()["token"]
    (device.root / "etc/claim.txt").write_text(token)
    with booted(device):
        until(admin, "/v1/devices/dev-1", lambda found: found["online"])
    path = device.root / "etc/mqtt.json"
    where = json.loads(path.read_text())
    assert where["renew"] > "2026"
    path.write_text(json.dumps({**where, "renew": "2026-01-01T00:00:00Z"}))
    old = serial_on(device)
    with booted(device) as running:
        while not any(line.get("log") == "network: a new certificate" for line in running.said):
            running.until("log")
        in_use = [{"serial": serial_on(device), "revoked_at": None}]
        until(
            admin,
            "/v1/devices/dev-1",
            lambda found: (
                [
                    {"serial": each["serial"], "revoked_at": each["revoked_at"]}
                    for each in found["certificates"]
                    if not each["revoked_at"]
                ]
                == in_use
            ),
        )
    assert serial_on(device) != old
    assert json.loads(path.read_text())["renew"] > "2026-01-02"


def test_the_command_line(cloud, admin, tmp_path):
    """`fieldrec devices` on a cloud that runs here."""

    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(main, ["devices", "--data", str(cloud.data), *arguments])
        assert result.exit_code == code, result.output
        return result.output

    (tmp_path / "fleet.csv").write_text("device_id,group\ndev-cli,lab\n")
    out = tmp_path / "tokens.csv"
    assert "1 claims" in run("claims", "--csv", str(tmp_path / "fleet.csv"), "--out", str(out))
    assert out.stat().st_mode & 0o077 == 0
    token = out.read_text().splitlines()[1].split(",")[3]
    body = {"v": 1, "device_id": "dev-cli", "token": token, "csr": csr_of("dev-cli", new_key())}
    admin.post("/v1/enrol", json={**body, "board": "virtual"}).raise_for_status()
    run("label", "dev-cli", "--set", "site=north", "--set", "floor=2")
    run("label", "dev-cli", "--off", "floor")
    line = run("list", "--group", "lab", "--label", "site=north")
    assert line.split() == ["dev-cli", "offline", "virtual", "app", "?", "lab", "site=north"]
    assert json.loads(run("show", "dev-cli"))["labels"] == {"site": "north"}
    run("group", "", "dev-cli")
    run("config", "dev-cli", "--set", "segment_s=30", "--set", "loop_recording=true")
    assert json.loads(run("config", "dev-cli"))["desired"] == {"segment_s": 30, "loop_recording": True}
    assert "QUEUED" in run("command", "identify", "dev-cli", "--wait-s", "0")
    certificate = tmp_path / "factory.pem"
    certificate.write_text(Factory().pem)
    assert "registered" in run("factory", "cli", "--certificate", str(certificate))
    run("factory", "cli", "--withdraw")
    assert "1 revoked" in run("revoke", "dev-cli", "--why", "lost")
    run("decommission", "dev-cli")
    assert run("list", "--label", "site=north") == ""
    refused = run("revoke", "dev-nine", code=1)
    assert "refused, status 404: not enrolled: dev-nine" in refused
    assert "is not NAME=VALUE" in run("config", "dev-cli", "--set", "segment_s", code=1)
