"""The broker process: amqtt with mutual TLS, and with what it lacks made good.

amqtt 0.12 touches a session before it knows who asks, and authenticates a connection by the TLS state of the
session's last one: with another's client id anyone could end its session, or become it. So the CONNECT packet
is judged here before amqtt sees it. Its other gaps are closed where the overrides say so.
"""

import argparse
import asyncio
import contextlib
import logging
import signal
import ssl
import struct
from pathlib import Path

from amqtt.adapters import StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import Action, BrokerConfig, ListenerConfig
from amqtt.errors import AMQTTError, MQTTError, NoDataError
from amqtt.mqtt.connack import NOT_AUTHORIZED, ConnackPacket
from amqtt.mqtt.connect import ConnectPacket
from amqtt.session import OutgoingApplicationMessage

from cloud.embedded import broker_access as access
from cloud.embedded.broker_link import WINDOW, Handler, Reader
from cloud.embedded.broker_revoked import Revoked, serial_of
from cloud.embedded.broker_routes import Routed
from cloud.tasks import background

CONNECT_TIMEOUT_S = 10
REFUSAL_TIMEOUT_S = 2
TAKE_OVER_TIMEOUT_S = 10
SESSION_EXPIRY_S = 7 * 24 * 3600
SHUTDOWN_TIMEOUT_S = 5
MAX_WAITING_SERVICE, MAX_WAITING_DEVICE = 100_000, 100  # messages kept for who is offline or slow

# what a connection may end with that is the client's doing
CLIENT_ERRORS = (
    MQTTError,
    AMQTTError,
    NoDataError,
    TimeoutError,
    OSError,
    ValueError,
    struct.error,
    IndexError,
)

log = logging.getLogger("broker")


class Gate(Routed):
    """amqtt's broker behind our checks. `connections` holds what is open, by client id."""

    def __init__(self, config: BrokerConfig, revoked: Revoked) -> None:
        super().__init__(config)
        self.revoked = revoked
        self.connections: dict[str, tuple[asyncio.Transport, asyncio.Task]] = {}
        self.tasks: set[asyncio.Task] = set()

    @staticmethod
    def _create_ssl_context(listener: ListenerConfig) -> ssl.SSLContext:
        context = Broker._create_ssl_context(listener)
        context.verify_mode = ssl.CERT_REQUIRED  # amqtt: optional
        return context

    async def stream_connected(self, reader, writer, listener_name) -> None:
        """One connection, from its CONNECT packet to its end; amqtt leaves some open that it is done with."""
        packets = Reader(reader)
        client_id = ""
        try:
            client_id = await self._admit(packets, writer)
            if client_id:
                await self._take_over(client_id, writer.transport)
                await self._client_connected(listener_name, packets, StreamWriterAdapter(writer))
        except CLIENT_ERRORS as error:
            log.warning("%s: %s", client_id or writer.get_extra_info("peername"), error or repr(error))
        finally:
            if self.connections.get(client_id, (None, None))[1] is asyncio.current_task():
                del self.connections[client_id]
            writer.transport.abort()

    async def _admit(self, packets: Reader, writer: asyncio.StreamWriter) -> str:
        """The client id, or "" if it may not connect, which it is told."""
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            connect = await ConnectPacket.from_stream(packets)
        packets.rewind()
        packets.connect = connect
        will = (connect.will_topic, connect.will_retain_flag) if connect.will_flag else None
        certificate = writer.get_extra_info("peercert")
        refusal = access.refuse_connect(certificate, connect.client_id, will)
        if serial_of(certificate) in self.revoked.serials:
            refusal = f"the certificate of {connect.client_id!r} is revoked"
        if refusal:
            log.warning("%s: not authorised to connect: %s", writer.get_extra_info("peername"), refusal)
            writer.write(ConnackPacket.build(0, NOT_AUTHORIZED).to_bytes())
            writer.close()
            with contextlib.suppress(TimeoutError, OSError):  # the client is only given the time to read it
                await asyncio.wait_for(writer.wait_closed(), REFUSAL_TIMEOUT_S)
        return "" if refusal else connect.client_id

    async def _take_over(self, client_id: str, transport: asyncio.Transport) -> None:
        """Ends an earlier connection of this client, its last will sent, before the new one begins.

        amqtt's own take-over leaves the new session marked as disconnected; with a clean one, both go on.
        """
        while client_id in self.connections:
            earlier, task = self.connections[client_id]
            log.info("%s: connected again, the earlier connection is closed", client_id)
            earlier.abort()
            if not (await asyncio.wait({task}, timeout=TAKE_OVER_TIMEOUT_S))[0]:
                raise TimeoutError(f"the earlier connection did not end within {TAKE_OVER_TIMEOUT_S} s")
        this = asyncio.current_task()
        assert this
        self.connections[client_id] = (transport, this)

    async def _initialize_client_session(self, reader, writer, remote_address, remote_port):
        earlier, _ = self.sessions.get(reader.connect.client_id, (None, None))
        if earlier and earlier.clean_session:
            await self._delete_session(earlier.client_id)  # amqtt would go on with it, for up to a second
        _, session = await super()._initialize_client_session(reader, writer, remote_address, remote_port)
        handler = Handler(self.plugins_manager)
        handler.broker = self
        session.will_retain = reader.connect.will_retain_flag  # amqtt keeps the one of the first connection
        return handler, session

    async def _authenticate(self, session, _listener) -> bool:
        return True  # done by _admit

    async def _topic_filtering(self, session, topic: str, action: Action) -> bool:
        """Without a pause: amqtt's broadcast loses a message if someone subscribes while it waits here."""
        if action == Action.SUBSCRIBE:
            allowed = access.may_subscribe(session.client_id, topic)
            if not allowed:
                log.warning("%s: not authorised to subscribe to %r", session.client_id, topic)
            return allowed
        return action == Action.PUBLISH or access.may_receive(session.client_id, topic)

    async def _handle_message_delivery(self, session, handler, delivered) -> bool:
        """MQTT 3.1.1 has no word for "not authorised" after a PUBLISH but to close the connection (3.3.5)."""
        message = delivered.result()
        if message and not access.may_publish(session.client_id, message.topic, message.retain):
            log.warning("%s: not authorised to publish to %r", session.client_id, message.topic)
        elif await super()._handle_message_delivery(session, handler, delivered):
            return True
        self.drop(session.client_id)
        return True  # the loop ends by the closed connection, so that the last will is sent

    def drop_revoked(self, serials: frozenset[int]) -> None:
        """Closes the connections made with these certificates."""
        for client_id, (transport, _) in list(self.connections.items()):
            if serial_of(transport.get_extra_info("peercert")) in serials:
                log.warning("%s: its certificate was revoked, connection closed", client_id)
                transport.abort()

    def drop(self, client_id: str) -> None:
        """Closes a client's connection, if it has one."""
        if client_id in self.connections:
            self.connections[client_id][0].abort()

    async def _publish_session_retained_messages(self, session) -> None:
        """What came while it was offline; amqtt marks it as retained, and waits for every PUBACK."""
        self.send_waiting(session, WINDOW - len(session.inflight_out))

    def keep_waiting(self, session, topic: str, data: bytes, qos: int, retain: bool) -> None:
        service = session.client_id.startswith(access.SERVICE_PREFIX)
        if session.retained_messages.qsize() < (MAX_WAITING_SERVICE if service else MAX_WAITING_DEVICE):
            session.retained_messages.put_nowait(OutgoingApplicationMessage(None, topic, qos, data, retain))
        else:
            log.error("%s: too much waits for it, %r dropped", session.client_id, topic)

    def send_waiting(self, session, count: int) -> None:
        handler = self._get_handler(session)
        while handler and count > 0 and not session.retained_messages.empty():
            kept = session.retained_messages.get_nowait()
            self.keep(handler.publish_now(kept.topic, kept.data, kept.qos, kept.retain))
            count -= 1

    def keep(self, delivery) -> None:
        """Runs a delivery to its end, which may be long: until the client acknowledges or goes."""
        task = asyncio.ensure_future(delivery)
        self.tasks.add(task)
        task.add_done_callback(self._delivered)

    def _delivered(self, task: asyncio.Task) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.info("a delivery ended early: %s", error or type(error).__name__)


async def serve(port: int, certificate: Path, key: Path, ca: Path, crl: Path) -> None:
    """Runs until SIGTERM or SIGINT."""
    listener = ListenerConfig(
        bind=f"127.0.0.1:{port}", ssl=True, cafile=ca, certfile=certificate, keyfile=key, max_connections=-1
    )
    config = BrokerConfig(
        listeners={"default": listener}, plugins={}, session_expiry_interval=SESSION_EXPIRY_S
    )
    revoked = Revoked(crl, ca)
    revoked.look()
    broker, ended = Gate(config, revoked), asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, ended.set)
    await broker.start()
    async with background(revoked.follow(broker.drop_revoked), "look at the revocation list"):
        await ended.wait()
    async with asyncio.timeout(SHUTDOWN_TIMEOUT_S):
        await broker.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    for name in ("certificate", "key", "ca", "crl"):
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="PEM")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("amqtt").setLevel(logging.WARNING)
    logging.getLogger("transitions").setLevel(logging.WARNING)
    asyncio.run(serve(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
