"""A device online: it enrols, says how it is, and keeps silent, against a real broker and a registration that signs."""

import json
from base64 import b64decode, b64encode

import pytest

from tests.network.lab import Handler, WebServer
from tests.network.online import booted
from tests.update.workshop import Device

# enrolment


@pytest.fixture
def stranger(workshop, authority, tmp_path) -> Device:
    """Not enrolled; with a claim token."""
    device = workshop.device(tmp_path / "device")
    (device.root / "etc/ca.der").write_bytes(authority.der)
    (device.root / "etc/claim.txt").write_text("one-time-token\n")
    return device


def registration(authority, broker, seen: list[dict]):
    def answer(handler: Handler) -> None:
        seen.append(json.loads(handler.body))
        certificate = authority.sign_request(b64decode(seen[-1]["csr"]))
        body = {
            "v": 1,
            "certificate": b64encode(certificate).decode(),
            "ca": b64encode(authority.der).decode(),
            "mqtt": {"host": "127.0.0.1", "port": broker},
        }
        handler.reply(201, json.dumps(body).encode())

    return answer


def point_to(device: Device, url: str) -> None:
    path = device.root / "etc/device.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "cloud": url}))


def test_a_stranger_enrols_and_comes_online(authority, broker, cloud, stranger):
    seen: list[dict] = []
    with WebServer(authority, registration(authority, broker, seen)) as server:
        point_to(stranger, server.url)
        with booted(stranger):
            assert cloud.wait_for("presence", online=True)["since"].endswith("Z")
            beat = cloud.wait_for("heartbeat")
    assert [path for _, path, _ in server.requests] == ["/v1/enrol"]
    assert seen[0]["token"] == "one-time-token"
    assert seen[0]["versions"] == {"app": "1.0.0", "runtime": "1.29.0"}
    assert beat["counters"] == {"events_dropped": 0, "oversize": 0}
    assert not (stranger.root / "etc/claim.txt").exists()


def test_a_used_token_is_told_and_kept(authority, stranger):
    def refuse(handler: Handler) -> None:
        handler.reply(403, b'{"error": "claim was used"}')

    with WebServer(authority, refuse) as server:
        point_to(stranger, server.url)
        with booted(stranger) as running:
            running.until("log")
    assert running.said[-1]["log"] == "network: registration refuses, status 403: claim was used"
    assert (stranger.root / "etc/claim.txt").exists()
    assert not (stranger.root / "etc/cert.der").exists()


# presence, events, private mode


def test_events_are_kept_until_there_is_a_network(cloud, device):
    with booted(device):
        event = cloud.wait_for("events", kind="boot")
        assert event["reason"] == "power-on" and event["v"] == 1
    cloud.wait_for("presence", online=False)


def test_private_mode_sends_nothing(cloud, device):
    with booted(device) as running:
        cloud.wait_for("heartbeat")
        running.tell(private=True)
        cloud.wait_for("presence", online=False)  # the broker's words: the device said nothing
        assert cloud.silent_for(2.5)
        running.tell(private=False)
        cloud.wait_for("presence", online=True)


def test_what_can_not_be_read_is_dropped(cloud, device):
    with booted(device) as running:
        cloud.wait_for("heartbeat")
        for payload in (
            b"{",
            b"[]",
            b"\xff\xfe",
            b'{"job": 7}',
            b'{"job": "a/b"}',
            b'{"job": "7"}',
            b"[" * 1500,
        ):
            cloud._client.publish("fieldrec/v1/dev-1/jobs/notify", payload, 1)
        while sum("can't be read" in str(line.get("log")) for line in running.said) < 7:
            running.until("log")
        cloud.wait_for("heartbeat")
