"""The device's MQTT client against a real broker, and a scripted one for what a real one won't do on demand."""

import json
import queue
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from tests.network import lab
from tests.network.lab import run_device

DEVICE = Path(__file__).with_name("device_mqtt.py")


@pytest.fixture
def folder(authority, tmp_path) -> Path:
    certificate, key = authority.device("dev-1")
    for name, data in (("ca.der", authority.der), ("dev.der", certificate), ("dev.key", key)):
        (tmp_path / name).write_bytes(data)
    return tmp_path


@pytest.fixture(scope="module")
def broker(authority):
    with lab.broker(authority) as port:
        yield port


@pytest.fixture
def observer(authority, broker):
    """A client of another make that sees all that is published: `.seen` is a queue of (topic, payload)."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, "observer")
    ca, certificate, key = authority.client_files()
    client.tls_set(ca, certificate, key)
    ready: queue.Queue = queue.Queue()
    seen: queue.Queue = queue.Queue()
    client.seen = seen  # type: ignore[attr-defined]

    def on_message(_client: object, _data: object, message: paho.MQTTMessage) -> None:
        if not message.retain:
            seen.put((message.topic, message.payload))

    client.on_message = on_message
    client.on_subscribe = lambda *_: ready.put(True)
    client.connect("127.0.0.1", broker)
    client.loop_start()
    client.subscribe("t/#", 1)
    ready.get(timeout=5)
    yield client
    client.disconnect()
    client.loop_stop()


def outcomes(lines: list[str]) -> list[dict]:
    return [json.loads(line) for line in lines]


def test_messages_go_there_and_back(folder, broker, observer):
    command = lab.device_command(DEVICE, folder, broker, "echo")
    with subprocess.Popen(command, env=lab.device_environment(), stdout=subprocess.PIPE, text=True) as device:
        assert observer.seen.get(timeout=5) == ("t/dev-1/presence", b"here")
        assert observer.seen.get(timeout=5) == ("t/dev-1/out", b"fast")
        for payload in (b"one", b"x" * 5000, b"two", b"stop"):
            observer.publish("t/dev-1/in", payload, 1).wait_for_publish(5)
        assert device.stdout is not None
        said = outcomes(device.stdout.read().splitlines())
    payloads = [message["payload"] for message in said if "topic" in message]
    assert payloads == ["one", "two", "stop"], "the large one is dropped"
    assert said[-1] == {"oversize": 1}
    assert said[-2]["ended"] == "work"


def test_the_will_is_published_when_the_device_vanishes(folder, broker, observer):
    run_device(DEVICE, folder, broker, "vanish")
    assert observer.seen.get(timeout=5)[1] == b"here"
    assert observer.seen.get(timeout=5)[1] == b"gone"


def test_it_works_in_a_heap_of_48_kib(folder, broker, tmp_path):
    """Compiled, as on a board: the source's compiler would need more than the client does."""
    compiled = tmp_path / "compiled"
    for name in ("app/__init__", "app/tls", "app/link", "app/mqtt", "app/race"):
        lab.compile_to(name, compiled)
    script = lab.compile_script(DEVICE.with_name("device_mqtt_heap.py"), compiled)
    [_, end] = outcomes(run_device(script, folder, broker, heap="48k", path=str(compiled)))
    assert end["error"] == "None", end
    assert end["came"] >= 59, "the last one may be under way"
    assert end["used"] < 40 * 1024, end


class ScriptedBroker:
    """Answers each connection in turn by a function that is given the socket; `packets` is what was read."""

    def __init__(self, authority: lab.Authority, *connections: Callable[["ScriptedBroker"], None]) -> None:
        self.packets: list[bytes] = []
        self._context = authority.server_context(client_certificates=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(10)
        self.port = self._listener.getsockname()[1]
        self._connections = connections
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "ScriptedBroker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        for connection in self._connections:
            with self._listener.accept()[0] as plain:
                plain.settimeout(10)
                with self._context.wrap_socket(plain, server_side=True) as self.socket:
                    self.take()
                    connection(self)

    def take(self) -> bytes:
        """One packet (all of these are shorter than 128 bytes)."""
        packet = self._read(2)
        packet += self._read(packet[1])
        self.packets.append(packet)
        return packet

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise EOFError("the device closed the connection")
            data += more
        return data

    def send(self, *data: int) -> None:
        self.socket.sendall(bytes(data))


def publish(payload: bytes) -> bytes:
    body = b"\0\x0at/dev-1/in\0\x07" + payload
    return bytes((0x32, len(body))) + body


def test_what_was_not_acknowledged_is_sent_again(authority, folder):
    def drop(broker: ScriptedBroker) -> None:
        broker.send(0x20, 2, 0, 0)
        for _ in range(3):
            broker.take()

    def accept(broker: ScriptedBroker) -> None:
        broker.send(0x20, 2, 1, 0)
        for _ in range(3):
            packet = broker.take()
            broker.send(0x40, 2, *packet[-3:-1])
        broker.socket.sendall(publish(b"stop"))
        assert broker.take() == bytes((0x40, 2, 0, 7))

    with ScriptedBroker(authority, drop, accept) as broker:
        said = outcomes(run_device(DEVICE, folder, broker.port, "publish_through_a_drop"))
    first, again = broker.packets[1:4], broker.packets[5:8]
    assert [packet[0] for packet in first] == [0x32] * 3
    assert [packet[0] for packet in again] == [0x3A] * 3, "with DUP"
    assert [packet[1:] for packet in again] == [packet[1:] for packet in first], "in order, the same numbers"
    assert said[0] == {"known": False}
    assert said[1]["error"] == "LinkError"
    assert said[2] == {"known": True}
    assert said[-1] == {"inflight": 0, "published": 3}


def test_no_more_in_flight_than_the_limit(authority, folder):
    def slow(broker: ScriptedBroker) -> None:
        broker.send(0x20, 2, 0, 0)
        packets = [broker.take() for _ in range(8)]
        broker.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            broker.take()
        broker.socket.settimeout(10)
        broker.send(0x40, 2, *packets[0][-3:-1])
        broker.take()
        broker.socket.sendall(publish(b"stop"))
        broker.take()

    with ScriptedBroker(authority, slow) as broker:
        said = outcomes(run_device(DEVICE, folder, broker.port, "fill"))
    assert said[-1] == {"inflight": 8, "published": [0], "waiting": 10}


def test_a_refused_subscription_is_told(authority, folder):
    def refuse(broker: ScriptedBroker) -> None:
        broker.send(0x20, 2, 0, 0)
        packet = broker.take()
        broker.send(0x90, 3, packet[2], packet[3], 0x80)

    with ScriptedBroker(authority, refuse) as broker:
        said = outcomes(run_device(DEVICE, folder, broker.port, "subscribe"))
    assert said[-1] == {"ended": "work", "error": "MqttError", "words": "subscription to t/other/in refused"}


def test_a_refused_connection_is_told(authority, folder):
    with ScriptedBroker(authority, lambda broker: broker.send(0x20, 2, 0, 5)) as broker:
        said = outcomes(run_device(DEVICE, folder, broker.port, "echo"))
    assert said[-1]["error"] == "MqttError"
    assert said[-1]["words"].endswith("refuses: not authorised")


@pytest.mark.parametrize(
    "packet",
    [
        (0x36, 14, *b"\0\x0at/dev-1/in\0\x07"),  # QoS 3
        (0x32, 4, 0, 200, 65, 65),  # a topic longer than the packet
        (0x32, 0xFF, 0xFF, 0xFF, 0xFF),  # a length without end
        (0x10, 0),  # a client's packet
        (0x90, 0xFF, 0x7F, 1),  # a SUBACK of 16 KiB
    ],
)
def test_nonsense_ends_the_connection_with_words(authority, folder, packet):
    def nonsense(broker: ScriptedBroker) -> None:
        broker.send(0x20, 2, 0, 0)
        broker.take()
        broker.send(*packet)
        with pytest.raises((EOFError, ssl.SSLError, ConnectionError)):
            while True:
                broker.take()

    with ScriptedBroker(authority, nonsense) as broker:
        said = outcomes(run_device(DEVICE, folder, broker.port, "subscribe"))
    assert said[-1]["error"] == "MqttError", said


def test_a_silent_broker_is_noticed(authority, folder):
    """Keep-alive is 2 s here: pings go out each second, and 3 s of silence end it."""

    def mute(broker: ScriptedBroker) -> None:
        broker.send(0x20, 2, 0, 0)
        with pytest.raises((EOFError, ssl.SSLError, ConnectionError)):
            while True:
                broker.take()

    with ScriptedBroker(authority, mute) as broker:
        said = outcomes(run_device(DEVICE, folder, broker.port, "idle"))
    ended = next(line for line in said if "ended" in line)
    assert ended["ended"] in ("receive", "ping")  # whichever notices first
    assert ended["error"] == "LinkTimeout"
    assert broker.packets.count(b"\xc0\x00") >= 2


def test_a_message_that_stays_without_acknowledgement_ends_the_connection(authority, folder):
    """The broker is there and answers pings, but takes nothing."""

    def deaf(broker: ScriptedBroker) -> None:
        broker.send(0x20, 2, 0, 0)
        with pytest.raises((EOFError, ssl.SSLError, ConnectionError)):
            while True:
                if broker.take() == b"\xc0\x00":
                    broker.send(0xD0, 0)

    with ScriptedBroker(authority, deaf) as broker:
        said = outcomes(run_device(DEVICE, folder, broker.port, "fill"))
    ended = next(line for line in said if "ended" in line)
    assert (ended["ended"], ended["words"]) == ("ping", "no acknowledgement within 1 s")


def test_a_strangers_certificate_is_not_let_in(authority, broker, folder):
    stranger = lab.Authority(folder)  # writes ca.pem of its own; ca.der stays
    certificate, key = stranger.device("dev-1")
    (folder / "dev.der").write_bytes(certificate)
    (folder / "dev.key").write_bytes(key)
    said = outcomes(run_device(DEVICE, folder, broker, "echo"))
    assert said[-1]["error"] == "LinkError", said
