"""A device's whole life online, against a real broker, a registration that signs, and a release server."""

import contextlib
import json
import queue
import subprocess
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from tests.network import lab
from tests.network.lab import Handler, WebServer
from tests.update.workshop import OLD, Device, ReleaseServer, Workshop, content
from wire import topics

SCRIPT = Path(__file__).with_name("device_network.py")
NEW = {**OLD, "app/main.mpy": content(50_000, 10)}


@pytest.fixture(scope="session")
def workshop(tmp_path_factory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop"))


@pytest.fixture(scope="module")
def broker(authority):
    with lab.broker(authority) as port:
        yield port


class Cloud:
    """The other side of the broker, seen by one device: what it said, and an answer to jobs/get."""

    def __init__(self, authority: lab.Authority, port: int) -> None:
        self.said: queue.Queue = queue.Queue()
        self.job: dict | None = None
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        ca, certificate, key = authority.client_files()
        self._client.tls_set(ca, certificate, key)
        self._client.on_message = self._on_message
        ready: queue.Queue = queue.Queue()
        self._client.on_subscribe = lambda *_: ready.put(True)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe("fieldrec/v1/dev-1/#", 1)
        ready.get(timeout=5)

    def _on_message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        name = topics.parse(message.topic)[1]
        if name == "jobs/get":
            self.notify(self.job)
        if name != "jobs/notify" and not message.retain:
            self.said.put((name, json.loads(message.payload)))

    def notify(self, job: dict | None) -> None:
        self._client.publish(
            "fieldrec/v1/dev-1/jobs/notify", json.dumps({"v": 1, "job": None, **(job or {})}), 1
        )

    def wait_for(self, name: str, **fields: object) -> dict:
        """The next message of that name with those fields; others are passed over."""
        seen = []
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                seen.append(self.said.get(timeout=0.2))
                heard, body = seen[-1]
                if heard == name and fields.items() <= body.items():
                    return body
        raise AssertionError(f"no {name} with {fields}; but {seen}")

    def silent_for(self, seconds: float) -> bool:
        with contextlib.suppress(queue.Empty):
            while True:
                self.said.get_nowait()
        try:
            return not self.said.get(timeout=seconds)
        except queue.Empty:
            return True

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def cloud(authority, broker):
    cloud = Cloud(authority, broker)
    yield cloud
    cloud.close()


@pytest.fixture
def device(workshop, authority, broker, tmp_path) -> Device:
    """Enrolled."""
    device = workshop.device(tmp_path / "device")
    certificate, key = authority.device("dev-1")
    where = json.dumps({"host": "127.0.0.1", "port": broker}).encode()
    named = {"ca.der": authority.der, "cert.der": certificate, "key.der": key, "mqtt.json": where}
    for name, data in named.items():
        (device.root / "etc" / name).write_bytes(data)
    return device


class Running:
    """The device's process: `said` is what was read of what it printed."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process
        self.said: list[dict] = []
        self._lines: queue.Queue = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def kill(self) -> None:
        self.process.kill()
        self._reader.join()

    def _read(self) -> None:
        """To its end: a device whose lines nobody reads would stand still."""
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line)

    def tell(self, **changes: object) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(changes) + "\n")
        self.process.stdin.flush()

    def until(self, name: str) -> object:
        """Read its lines until one has that name; its value."""
        while True:
            try:
                line = self._lines.get(timeout=15)
            except queue.Empty:
                raise AssertionError(f"no {name}: {self.said}") from None
            if not line.startswith("{"):
                raise AssertionError(line + "".join(self._lines.queue))
            self.said.append(json.loads(line))
            if name in self.said[-1]:
                return self.said[-1][name]


@contextlib.contextmanager
def booted(device: Device, **changes: object) -> Iterator[Running]:
    told = {"root": str(device.root), "gauge_mv": 3900, "private": False, "defer": None, **changes}
    path = device.root / "told.json"
    path.write_text(json.dumps(told))
    with subprocess.Popen(
        lab.device_command(SCRIPT, path), env=lab.device_environment(), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        running = Running(process)
        try:
            yield running
        finally:
            running.kill()


def job_of(server: ReleaseServer, number: str = "7", **changes: object) -> dict:
    job = {
        "job": number,
        "kind": "app",
        "release": "fieldrec 1.1.0",
        "version": "1.1.0",
        "digest": server.digest,
        "url": server.url + "/release",
        "url_expires": "2030-01-01T00:00:00Z",
        "size": len(server.data),
        "forced": False,
    }
    return {**job, **changes}


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


# jobs


def test_an_update_from_job_to_confirmed(authority, workshop, cloud, device):
    with ReleaseServer(authority, workshop.release(NEW, version="1.1.0")) as server:
        cloud.job = job_of(server)
        with booted(device) as running:
            cloud.wait_for("jobs/7/update", status="IN_PROGRESS", step="downloading")
            cloud.wait_for("jobs/7/update", status="IN_PROGRESS", step="installed", progress_pct=100)
            assert running.until("reset") == "update to fieldrec 1.1.0"
        assert device.record()["active"] == "b"
        requests = len(server.requests)
        with booted(device) as running:
            cloud.wait_for("jobs/7/update", status="IN_PROGRESS", step="trial")
            cloud.wait_for("jobs/7/update", status="SUCCEEDED", step="confirmed")
            assert running.until("trial") == "confirmed"
        assert len(server.requests) == requests, "nothing is fetched again"
    record = device.record()
    assert (record["active"], record["state"], record["security_floor"]) == ("b", "confirmed", 1)


def install(authority, workshop, cloud, device) -> None:
    """Up to the reset into the trial."""
    with ReleaseServer(authority, workshop.release(NEW, version="1.1.0")) as server:
        cloud.job = job_of(server)
        with booted(device) as running:
            running.until("reset")


def test_a_failed_self_test_goes_back_and_says_why(authority, workshop, cloud, device):
    install(authority, workshop, cloud, device)
    with booted(device, gauge_mv=None) as running:
        assert running.until("reset") == "self-test: gauge: gauge does not answer at 0x36"
    record = device.record()
    assert (record["active"], record["state"], record["security_floor"]) == ("a", "confirmed", 0)
    with booted(device):
        ended = cloud.wait_for("jobs/7/update", status="FAILED", step="reverted")
        assert ended["detail"] == "self-test: gauge: gauge does not answer at 0x36"


def test_a_version_that_never_gets_to_its_verdict_goes_back(authority, workshop, cloud, device):
    install(authority, workshop, cloud, device)
    (device.root / "etc/mqtt.json").rename(device.root / "etc/mqtt.old")
    for _ in range(3):
        with booted(device) as running:
            running.until("joined")
    (device.root / "etc/mqtt.old").rename(device.root / "etc/mqtt.json")
    with booted(device):
        ended = cloud.wait_for("jobs/7/update", status="FAILED", step="reverted")
    assert ended["detail"] == "slot b was not confirmed in 3 tries"


def test_a_refused_release_is_rejected_with_words(authority, workshop, cloud, device):
    before = device.untouchable()
    with ReleaseServer(authority, workshop.release(NEW, version="1.1.0", boards=["esp32s3"])) as server:
        cloud.job = job_of(server)
        with booted(device):
            ended = cloud.wait_for("jobs/7/update", status="REJECTED")
            assert ended["detail"] == "made for esp32s3, this is virtual"
            cloud.notify(cloud.job)  # told of it again
            cloud.wait_for("jobs/7/update", status="REJECTED")
        with booted(device):
            cloud.wait_for("heartbeat")
            cloud.wait_for("jobs/7/update", status="REJECTED")
    assert len(server.requests) == 2, "header and envelope, once"
    untouched = device.untouchable()
    before["boot.json"] = untouched["boot.json"]  # written by the boot itself
    assert untouched == before


def test_a_job_waits_while_the_device_defers(authority, workshop, cloud, device):
    with ReleaseServer(authority, workshop.release(NEW, version="1.1.0")) as server:
        cloud.job = job_of(server)
        with booted(device, defer="recording"):
            assert cloud.wait_for("events", kind="update")["deferred"] == "recording"
        assert server.requests == []
        with booted(device):
            cloud.wait_for("jobs/7/update", step="installed")


def test_an_expired_url_is_asked_for_over_the_broker(authority, workshop, cloud, device):
    def expired(handler: Handler, data: bytes) -> None:
        cloud.job = job_of(server, url=server.url + "/fresh")
        handler.reply(403, b"expired")

    with ReleaseServer(
        authority, workshop.release(NEW, version="1.1.0"), None, None, None, expired
    ) as server:
        cloud.job = job_of(server)
        with booted(device) as running:
            running.until("reset")
    assert server.requests[4][1] == "/fresh"


def test_a_job_that_is_withdrawn_is_left(authority, workshop, cloud, device):
    def expired(handler: Handler, data: bytes) -> None:
        cloud.job = None
        handler.reply(403, b"expired")

    with ReleaseServer(
        authority, workshop.release(NEW, version="1.1.0"), None, None, None, expired
    ) as server:
        cloud.job = job_of(server)
        with booted(device):
            cloud.wait_for("jobs/7/update", step="downloading")
            cloud.wait_for("jobs/get")
            cloud.job = job_of(server, number="8")
            cloud.notify(cloud.job)
            cloud.wait_for("jobs/8/update", step="installed")


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
