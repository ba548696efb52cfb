"""MQTT 3.1.1 for a simulated device: QoS 1 both ways, one callback protocol, a few hundred bytes beside its TLS.

aiomqtt gives each client queues and threads' locks of its own; at thousands in a process that is what counts.
"""

import asyncio
import ssl
import struct
from collections.abc import Callable
from typing import NamedTuple

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 0x10, 0x20, 0x30, 0x40, 0x82, 0x90
PINGREQ, PINGRESP, DISCONNECT = 0xC0, 0xD0, 0xE0
_QOS1, _RETAIN = 0x02, 0x01
PACKET_MAX_BYTES = 256 * 1024
CONNECT_TIMEOUT_S = 30.0
GOODBYE_S = 2.0  # for the broker's half of a goodbye


class LinkLost(Exception):
    """The connection is gone: what was not acknowledged may have arrived, or not."""


class NotAdmitted(LinkLost):
    """CONNACK with a return code other than 0."""


class Where(NamedTuple):
    """A broker; without TLS it must be one that asks for no certificate."""

    host: str
    port: int
    ca: str | None = None  # file


OnMessage = Callable[[str, bytes], None]


class Link(asyncio.Protocol):
    """One connection. `closed` is done when it has ended, however that was."""

    __slots__ = (
        "_buffer", "_keepalive_s", "_last_id", "_on_message", "_pending", "_pinged", "_timer", "_transport", "closed",
    )  # fmt: skip

    def __init__(self, on_message: OnMessage, keepalive_s: int):
        self._on_message, self._keepalive_s = on_message, keepalive_s
        self._buffer = bytearray()
        self._pending: dict[int, asyncio.Future] = {}  # 0: the CONNACK
        self._last_id, self._pinged = 0, False
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None
        self.closed = asyncio.get_running_loop().create_future()

    # -- what a device does

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> asyncio.Future:
        """Done when the broker has it; LinkLost if the connection ended before."""
        name, (number, acknowledged) = topic.encode(), self._expect()
        flags = PUBLISH | _QOS1 | (_RETAIN if retain else 0)
        self._send(flags, _text(name) + number.to_bytes(2, "big") + payload)
        return acknowledged

    def subscribe(self, *topics: str) -> asyncio.Future:
        """Done with the list of return codes, 0x80 for a refusal."""
        number, acknowledged = self._expect()
        filters = b"".join(_text(topic.encode()) + b"\x01" for topic in topics)
        self._send(SUBSCRIBE, number.to_bytes(2, "big") + filters)
        return acknowledged

    async def close(self) -> None:
        """With a goodbye: the broker forgets the last will. The socket is closed when this returns."""
        if not self._transport.is_closing():
            self._send(DISCONNECT, b"")
            self._transport.close()
        if not (await asyncio.wait([self.closed], timeout=GOODBYE_S))[0]:
            self._transport.abort()
            await self.closed

    def cut(self) -> None:
        """Without a word, as a radio that fades."""
        self._transport.abort()

    # -- what asyncio calls

    def connection_made(self, transport) -> None:
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()
        if not self.closed.done():
            self.closed.set_result(error)
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(LinkLost(str(error or "closed by the broker")))
                waiting.exception()  # retrieved: not everybody waits for an acknowledgement
        self._pending.clear()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        while packet := _whole_packet(buffer):
            first, start, end = packet
            body = bytes(buffer[start:end])
            del buffer[:end]
            self._take(first, body)
        if len(buffer) > PACKET_MAX_BYTES:
            self._transport.abort()

    # -- inside

    def _take(self, first: int, body: bytes) -> None:
        kind = first & 0xF0
        if kind == PUBLISH:
            self._take_publish(first, body)
        elif kind == CONNACK:
            self._settle(0, body[1])
        elif kind in (PUBACK, SUBACK & 0xF0):
            self._settle(int.from_bytes(body[:2], "big"), list(body[2:]))
        elif kind == PINGRESP:
            self._pinged = False

    def _take_publish(self, first: int, body: bytes) -> None:
        size = int.from_bytes(body[:2], "big")
        topic, rest = body[2 : 2 + size].decode(), body[2 + size :]
        if first & 0x06:
            number, rest = rest[:2], rest[2:]
            self._send(PUBACK, number)
        self._on_message(topic, rest)

    def _settle(self, number: int, result: object) -> None:
        waiting = self._pending.pop(number, None)
        if waiting and not waiting.done():
            waiting.set_result(result)

    def _expect(self) -> tuple[int, asyncio.Future]:
        if self.closed.done() or self._transport.is_closing():
            raise LinkLost("not connected")
        self._last_id = self._last_id % 65535 + 1
        waiting = self._pending[self._last_id] = asyncio.get_running_loop().create_future()
        return self._last_id, waiting

    def _send(self, first: int, body: bytes) -> None:
        self._transport.write(bytes([first]) + _length(len(body)) + body)

    async def _greet(self, client_id: str, will: tuple[str, bytes] | None) -> None:
        self._pending[0] = accepted = asyncio.get_running_loop().create_future()
        flags = 0x02 | (0x2C if will else 0)  # clean session; will: QoS 1, retained
        body = b"\x00\x04MQTT\x04" + struct.pack(">BH", flags, self._keepalive_s) + _text(client_id.encode())
        if will:
            body += _text(will[0].encode()) + _text(will[1])
        self._send(CONNECT, body)
        if code := await accepted:
            raise NotAdmitted(f"{client_id}: CONNACK {code}")
        self._timer = asyncio.get_running_loop().call_later(self._keepalive_s / 2, self._ping)

    def _ping(self) -> None:
        if self._pinged:  # no answer since the last one
            self._transport.abort()
            return
        self._pinged = True
        self._send(PINGREQ, b"")
        self._timer = asyncio.get_running_loop().call_later(self._keepalive_s / 2, self._ping)


async def connect(
    where: Where,
    client_id: str,
    on_message: OnMessage,
    *,
    tls: ssl.SSLContext | None = None,
    will: tuple[str, bytes] | None = None,
    keepalive_s: int = 60,
    timeout_s: float = CONNECT_TIMEOUT_S,
) -> Link:
    """An admitted connection. Raises NotAdmitted, LinkLost, OSError, ssl.SSLError or TimeoutError."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(timeout_s):
        _, link = await loop.create_connection(
            lambda: Link(on_message, keepalive_s),
            where.host,
            where.port,
            ssl=tls,
            server_hostname=where.host if tls else None,
            ssl_handshake_timeout=timeout_s if tls else None,
        )
        try:
            await link._greet(client_id, will)
        except BaseException:
            link.cut()
            raise
    return link


def _whole_packet(buffer: bytearray) -> tuple[int, int, int] | None:
    """(first byte, start and end of the body) of the packet that the buffer begins with, if it is all there."""
    size, shift = 0, 0
    for at in range(1, min(5, len(buffer))):
        size |= (buffer[at] & 0x7F) << shift
        shift += 7
        if not buffer[at] & 0x80:
            end = at + 1 + size
            return (buffer[0], at + 1, end) if len(buffer) >= end else None
    return None


def _text(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def _length(count: int) -> bytes:
    """Remaining length, MQTT 3.1.1 section 2.2.3."""
    encoded = bytearray()
    while True:
        count, low = divmod(count, 128)
        encoded.append(low | (0x80 if count else 0))
        if not count:
            return bytes(encoded)
