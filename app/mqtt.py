"""MQTT 3.1.1 (OASIS standard, section numbers below) as a device needs it: QoS 0 and 1, bounded memory.

The Client lives as long as the device is up; connections come and go under it. What was published with QoS 1
and not acknowledged is sent again on the next one.

    LinkError       (app/link.py) the connection is gone
    MqttError       the broker said no, or speaks something else: the text says what
"""

import asyncio

from micropython import const

from app.link import LinkError, LinkTimeout, NetworkError, bounded

_CONNECT, _CONNACK, _PUBLISH, _PUBACK = const(1), const(2), const(3), const(4)
_SUBSCRIBE, _SUBACK, _PINGRESP = const(8), const(9), const(13)
_DUP, _QOS1, _RETAIN = const(0x08), const(0x02), const(0x01)

_MAX_INFLIGHT = const(8)

_PINGREQ_PACKET = b"\xc0\x00"
_DISCONNECT_PACKET = b"\xe0\x00"

# 3.2.2.3
_REFUSALS = {
    1: "the protocol version is not accepted",
    2: "the client identifier is not accepted",
    3: "the server is unavailable",
    4: "bad user name or password",
    5: "not authorised",
}


class MqttError(NetworkError):
    pass


class _Sent:
    """A packet that waits for its acknowledgement; `answer` is what came, once `done` is set."""

    def __init__(self, number, packet):
        self.number, self.packet = number, packet
        self.done = asyncio.Event()
        self.answer = None


class Client:
    """`will` is (topic, payload), retained, QoS 1, or None.

    `on_message(topic, payload)` gets a memoryview that holds only during the call, after which the message is
    acknowledged. What it raises ends the connection.
    """

    def __init__(self, client_id, on_message, will=None, keepalive_s=60, max_packet=2048):
        self.client_id, self.will, self.keepalive_s = client_id, will, keepalive_s
        self.oversize = 0  # messages that were larger than max_packet, and dropped
        self._on_message = on_message
        self._buffer = memoryview(bytearray(max_packet))
        self._inflight = []  # in the order in which they were sent, which is kept (4.6)
        self._asked = []  # subscriptions; they don't outlive a connection
        self._room = asyncio.Event()
        self._number = 0
        self._link = None
        self._writing = asyncio.Lock()

    @property
    def connected(self):
        return self._link is not None

    async def connect(self, link):
        """Open the session on an open Link, and send again what was in flight; whether the broker knew it.

        From then on `receive` and `ping` must run, until one of them raises.
        """
        await link.write(_connect_packet(self.client_id, self.will, self.keepalive_s))
        answer = memoryview(bytearray(4))
        await link.fill(answer)
        if answer[0] >> 4 != _CONNACK or answer[1] != 2:
            raise MqttError(f"{link.name} answers with {bytes(answer).hex()}: no MQTT 3.1.1 broker")
        if answer[3]:
            raise MqttError(f"{link.name} refuses: {_REFUSALS.get(answer[3], answer[3])}")
        for sent in self._inflight:
            await link.write(sent.packet)
            sent.packet[0] |= _DUP
        self._link, self._asked = link, []
        return bool(answer[2] & 1)

    async def publish(self, topic, payload, qos=1, retain=False):
        """Send; with QoS 1, return when it was acknowledged, be it over a later connection.

        A caller that gives up (`wait_for`) takes nothing back: the message stays in flight.
        """
        head = _PUBLISH << 4 | (_QOS1 if qos else 0) | (_RETAIN if retain else 0)
        if not qos:
            await self._send(_packet(head, _text(topic), payload))
            return
        while len(self._inflight) >= _MAX_INFLIGHT:
            self._room.clear()
            await self._room.wait()
        number = self._next_number()
        sent = _Sent(number, _packet(head, _text(topic), number.to_bytes(2, "big"), payload))
        self._inflight.append(sent)
        if self.connected:
            await self._send(sent.packet)
            sent.packet[0] |= _DUP
        await sent.done.wait()

    async def subscribe(self, topic):
        """With QoS 1; MqttError if the broker says no. `receive` must be running."""
        number = self._next_number()
        sent = _Sent(number, _packet(_SUBSCRIBE << 4 | 2, number.to_bytes(2, "big"), _text(topic), b"\x01"))
        self._asked.append(sent)
        await self._send(sent.packet)
        await bounded("subscribe to " + topic, sent.done.wait(), self._link.timeout_ms)
        if sent.answer > 1:
            raise MqttError(f"subscription to {topic} refused")

    async def receive(self):
        """Read packets for ever; LinkError when the connection is gone, or silent for 1.5 keep-alives."""
        silence_ms = self.keepalive_s * 1500
        first = self._buffer[:1]
        while True:
            await self._link.fill(first, silence_ms)
            head = first[0]
            size = await self._remaining_length()
            if size > len(self._buffer):
                await self._drain(head, size)
            else:
                body = self._buffer[:size]
                await self._link.fill(body)
                await self._take(head, body)

    async def ping(self):
        """Say often enough that this client is there; LinkTimeout if a message stays without acknowledgement."""
        while True:
            oldest = self._inflight[0] if self._inflight else None
            await asyncio.sleep(self.keepalive_s // 2)
            if oldest and self._inflight and self._inflight[0] is oldest:
                raise LinkTimeout(f"no acknowledgement within {self.keepalive_s // 2} s")
            await self._send(_PINGREQ_PACKET)

    async def close(self, say_goodbye):
        """End the connection. Without goodbye the broker publishes the will (3.1.2.5)."""
        link, self._link = self._link, None
        if not link:
            return
        try:
            if say_goodbye:
                await link.write(_DISCONNECT_PACKET)
        except LinkError:
            return  # gone before we could say so
        finally:
            await link.close()

    async def _send(self, packet):
        async with self._writing:
            if not self._link:
                raise LinkError("not connected to the broker")
            await self._link.write(packet)

    async def _take(self, head, body):
        kind = head >> 4
        if kind == _PUBLISH:
            await self._take_publish(head, body)
        elif kind == _PUBACK and len(body) == 2:
            self._settle(self._inflight, body)
        elif kind == _SUBACK and len(body) == 3:
            self._settle(self._asked, body)
        elif kind != _PINGRESP:
            raise MqttError(f"unexpected packet {head:#x} of {len(body)} bytes")

    async def _take_publish(self, head, body):
        qos = head >> 1 & 3
        size = 2 + int.from_bytes(body[:2], "big")
        payload = size + (2 if qos else 0)
        if qos > 1 or payload > len(body):
            raise MqttError(f"a PUBLISH of QoS {qos} with {len(body)} bytes makes no sense")
        try:
            topic = str(body[2:size], "utf-8")
        except UnicodeError:
            raise MqttError(f"a topic that is not UTF-8: {bytes(body[2:size])!r}") from None
        self._on_message(topic, body[payload:])
        if qos:
            await self._acknowledge(bytes(body[size:payload]))

    async def _drain(self, head, size):
        """A packet too large to hold: read past it, and acknowledge it, or it would come for ever."""
        self.oversize += 1
        if head >> 4 != _PUBLISH:
            raise MqttError(f"packet {head:#x} of {size} bytes")
        two = self._buffer[:2]
        await self._link.fill(two)
        topic = two[0] << 8 | two[1]
        qos = head >> 1 & 3
        left = size - 2 - topic - (2 if qos else 0)
        if left < 0:
            raise MqttError(f"a topic of {topic} bytes in a packet of {size}")
        await self._skip(topic)
        if qos:
            await self._link.fill(two)
        number = bytes(two)
        await self._skip(left)
        if qos:
            await self._acknowledge(number)

    async def _skip(self, size):
        while size:
            part = self._buffer[: min(size, len(self._buffer))]
            await self._link.fill(part)
            size -= len(part)

    async def _acknowledge(self, number):
        await self._send(b"\x40\x02" + number)

    def _settle(self, waiting, body):
        number = body[0] << 8 | body[1]
        for sent in waiting:
            if sent.number == number:
                waiting.remove(sent)
                sent.answer = body[-1]
                sent.done.set()
                self._room.set()
                return

    def _next_number(self):
        taken = [sent.number for sent in self._inflight + self._asked]
        while True:
            self._number = self._number % 0xFFFF + 1
            if self._number not in taken:
                return self._number

    async def _remaining_length(self):
        """2.2.3: seven bits a byte, at most four bytes."""
        size, byte = 0, self._buffer[:1]
        for shift in (0, 7, 14, 21):
            await self._link.fill(byte)
            size |= (byte[0] & 0x7F) << shift
            if byte[0] < 0x80:
                return size
        raise MqttError("a packet length of over four bytes")


def _text(value):
    data = value.encode()
    return len(data).to_bytes(2, "big") + data


def _connect_packet(client_id, will, keepalive_s):
    """3.1, clean session false; the will, if any, retained and QoS 1."""
    flags = 0x2C if will else 0
    body = _text("MQTT") + bytes((4, flags)) + keepalive_s.to_bytes(2, "big") + _text(client_id)
    if will:
        topic, payload = will
        body += _text(topic) + len(payload).to_bytes(2, "big") + payload
    return _packet(_CONNECT << 4, body)


def _packet(head, *parts):
    size = sum(len(part) for part in parts)
    packet = bytearray((head,))
    while size > 0x7F:
        packet.append(size & 0x7F | 0x80)
        size >>= 7
    packet.append(size)
    for part in parts:
        packet.extend(part)
    return packet
