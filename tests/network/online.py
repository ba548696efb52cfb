"""A device online: its process, and the cloud's side of a real broker. The fixtures are handed on by conftest.py."""

import contextlib
import json
import queue
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from tests.network import lab
from tests.update.workshop import Device, ReleaseServer, Workshop
from wire import topics

SCRIPT = Path(__file__).with_name("device_network.py")


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
        ready.get(timeout=30)

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
