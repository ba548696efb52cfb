"""The two ends of a broker's benchmark, each in a process of its own, as bare as they can be.

python -m tests.bench.ingest_peer publish PORT CA COUNT PEM...   COUNT heartbeats, in turn by the devices of these files
python -m tests.bench.ingest_peer discard PORT CA COUNT PEM      takes and acknowledges COUNT heartbeats, keeps none

Prints `ready`, then when it began and ended, in seconds of the monotonic clock, which all processes share.
"""

import json
import socket
import ssl
import sys
import time
from pathlib import Path

from tests.cloud_base.mqtt import length, string
from wire import topics

WINDOW = 100  # heartbeats of one device ahead of their acknowledgement
TIMEOUT_S = 300

HEARTBEAT = {
    "v": 1, "state": "IDLE", "vbat_mv": 3900, "soc_pct": 80, "temp_decic": 253,
    "versions": {"app": "1.0.0", "runtime": "1.26.0"}, "slot": "a", "uptime_s": 60, "mem_free": 100_000,
    "counters": {"overruns": 0, "dropped": 0},
}  # fmt: skip


def connect(port: int, ca: str, pem: Path) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(pem, pem.with_suffix(".key"))
    plain = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link = context.wrap_socket(plain, server_hostname="127.0.0.1")
    link.sendall(_packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x3c" + string(pem.stem)))
    if (answer := _exactly(link, 4)) != b"\x20\x02\x00\x00":
        raise SystemExit(f"CONNACK {answer.hex()}")
    return link


def publish(port: int, ca: str, count: int, pems: list[Path]) -> float:
    """Returns when it began."""
    payload = json.dumps(HEARTBEAT).encode()
    links = [(connect(port, ca, pem), string(topics.topic(pem.stem, "heartbeat"))) for pem in pems]
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    while count > 0:
        for link, topic in links:
            link.sendall(b"".join(_packet(0x32, topic + n.to_bytes(2, "big") + payload) for n in _IDS))
            count -= WINDOW
        for link, _ in links:
            _exactly(link, 4 * WINDOW)  # PUBACKs
    return began


def discard(port: int, ca: str, count: int, pem: Path) -> float:
    link = connect(port, ca, pem)
    link.sendall(_packet(0x82, b"\x00\x01" + string(topics.topic("+", "heartbeat")) + b"\x01"))
    _exactly(link, 5)
    print("ready", flush=True)
    began, data = 0.0, bytearray()
    while count > 0:
        data += link.recv(65536)
        began = began or time.monotonic()
        taken = bytearray()
        while (packet := _take(data)) is not None:
            topic_length = int.from_bytes(packet[:2], "big")
            taken += b"\x40\x02" + packet[2 + topic_length : 4 + topic_length]
            count -= 1
        link.sendall(taken)
    return began


def _take(data: bytearray) -> bytes | None:
    """The body of the first packet, taken out of `data`; None while it isn't whole."""
    size, shift, at = 0, 0, 1
    while at < len(data):
        size |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if not data[at - 1] & 0x80:
            break
    else:
        return None
    if len(data) < at + size:
        return None
    body = bytes(data[at : at + size])
    del data[: at + size]
    return body


def _packet(first: int, body: bytes) -> bytes:
    return bytes([first]) + length(len(body)) + body


def _exactly(link: ssl.SSLSocket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        if not (more := link.recv(count - len(data))):
            raise SystemExit("the broker has ended the connection")
        data += more
    return data


_IDS = range(1, WINDOW + 1)


def main(what: str, port: str, ca: str, count: str, *pems: str) -> None:
    files = [Path(each) for each in pems]
    if what == "publish":
        began = publish(int(port), ca, int(count), files)
    else:
        began = discard(int(port), ca, int(count), files[0])
    print(began, time.monotonic(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
