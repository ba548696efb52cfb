"""One client's connection to the broker: what it may send at a time, and how a message is delivered to it."""

import asyncio
import logging

from amqtt.adapters import ReaderAdapter
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.session import INCOMING

MAX_PACKET = 64 * 1024
WINDOW = 1000  # messages sent ahead of their acknowledgement

log = logging.getLogger("broker")


class Reader(ReaderAdapter):
    """Reads packets of at most MAX_PACKET bytes; `rewind` gives once more what was read so far."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self.stream, self.seen, self.again = stream, bytearray(), b""
        self.recording, self.ended = True, False

    async def read(self, n: int = -1) -> bytes:
        """As amqtt expects it: fewer than `n` bytes mean that the connection has ended."""
        if n > MAX_PACKET or len(self.seen) > MAX_PACKET:
            log.warning("a packet of over %d bytes, connection closed", MAX_PACKET)
            self.feed_eof()
        if self.ended:
            return b""
        if self.again:
            data, self.again = self.again[:n], self.again[n:]
            return data
        data = await self.stream.readexactly(n)
        if self.recording:
            self.seen += data
        return data

    def rewind(self) -> None:
        self.again, self.recording = bytes(self.seen), False
        self.seen.clear()

    def feed_eof(self) -> None:
        self.ended = True


class Handler(BrokerProtocolHandler):
    """amqtt's protocol, but a message stays in the session until it was acknowledged.

    amqtt forgets it after 5 s, or with the connection, and sends without limit. `broker` is set by its maker.
    """

    def attach(self, session, reader, writer) -> None:
        session.keep_alive = (session.keep_alive * 3 + 1) // 2  # [MQTT-3.1.2-24]
        super().attach(session, reader, writer)

    def handle_read_timeout(self) -> None:
        """amqtt goes on waiting: the last will of a device whose link is gone would never be sent."""
        log.info("%s: silent for %d s, connection closed", self.session.client_id, self.session.keep_alive)
        self.reader.feed_eof()

    async def mqtt_publish(self, topic, data, qos, retain, ack_timeout=None) -> None:
        """Beyond WINDOW messages wait in the session; each acknowledgement sends one of them."""
        crowded = len(self.session.inflight_out) >= WINDOW or not self.session.retained_messages.empty()
        if qos and crowded:
            self.broker.keep_waiting(self.session, topic, data, qos, retain)
        else:
            await self.publish_now(topic, data, qos, retain)

    async def publish_now(self, topic, data, qos, retain) -> None:
        await super().mqtt_publish(topic, data, qos, retain)

    async def _handle_qos1_message_flow(self, message) -> None:
        if message.direction == INCOMING:
            return await super()._handle_qos1_message_flow(message)
        self.session.inflight_out[message.packet_id] = message
        if self._reader_stopped.is_set():
            raise ConnectionError("the client has gone; the message waits for it")
        waiter = self._puback_waiters[message.packet_id] = asyncio.get_running_loop().create_future()
        try:
            packet = message.build_publish_packet(dup=message.publish_packet is not None)
            message.publish_packet = packet
            await self._send_packet(packet)
            message.puback_packet = await waiter
            self.session.inflight_out.pop(message.packet_id, None)
        finally:
            self._puback_waiters.pop(message.packet_id, None)
        self.broker.send_waiting(self.session, 1)

    async def _retry_deliveries(self) -> None:
        """amqtt waits here for every PUBACK, deaf to SUBSCRIBE: one who acknowledges late would hang."""
        for message in list(self.session.inflight_out.values()):
            self.broker.keep(self._handle_message_flow(message))
