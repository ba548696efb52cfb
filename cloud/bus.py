"""The one place where services speak MQTT: mutual TLS, QoS 1, reconnects, acknowledgement after commit."""

import asyncio
import json
import logging
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiomqtt

from cloud.settings import Settings
from cloud.tasks import background
from wire import topics

BATCH_MAX = 500
QUEUE_MAX = 100_000  # beyond it messages stay unacknowledged, and the broker sends them again
PAYLOAD_MAX_BYTES = 64 * 1024
BACKOFF_FIRST_S = 0.2
BACKOFF_MAX_S = 30.0
PUBLISH_TIMEOUT_S = 10.0
PUBLISHES_AT_ONCE = 100
_ANY_DEVICE = "+"

log = logging.getLogger(__name__)


class BusDown(Exception):
    """There is no connection to the broker, or it did not acknowledge in time."""


@dataclass(frozen=True)
class Message:
    """One message of a device. `device` is authentic: the broker lets each publish under its own id only."""

    device: str
    name: str  # below the device's prefix: heartbeat, jobs/7/update, ...
    payload: bytes


Handler = Callable[[list[Message]], Awaitable[None]]


class Bus:
    """A connection that is kept up while `running()`; batches of messages go to `handle`.

    `handle` returns once the batch is committed, and only then is it acknowledged. While it works, the next
    batch gathers, so batches grow with load without a timer. If it raises, it gets the same batch again.
    """

    def __init__(self, settings: Settings, client_id: str, names: Iterable[str], share: str = ""):
        """`names`: keys of wire.topics.TOPICS. `share`: a group, where the broker knows `$share`."""
        prefix = f"$share/{share}/" if share else ""
        self.connected = asyncio.Event()
        self._settings = settings
        self._client_id = client_id
        self._filters = [(prefix + topics.topic(_ANY_DEVICE, name), 1) for name in names]
        self._handle: Handler
        self._client: aiomqtt.Client | None = None
        self._publishing = asyncio.Semaphore(PUBLISHES_AT_ONCE)

    @asynccontextmanager
    async def running(self, handle: Handler) -> AsyncIterator["Bus"]:
        self._handle = handle
        async with background(self._stay_connected(), f"bus of {self._client_id}"):
            yield self

    async def publish(self, device: str, name: str, message: dict) -> None:
        """Send `message` to one device; returns when the broker has it. Raises BusDown."""
        if self._client is None:
            raise BusDown("not connected to the broker")
        payload = json.dumps({"v": topics.VERSION, **message})
        try:
            async with self._publishing:
                await self._client.publish(
                    topics.topic(device, name), payload, qos=1, timeout=PUBLISH_TIMEOUT_S
                )
        except aiomqtt.MqttError as error:
            raise BusDown(str(error)) from error

    async def _stay_connected(self) -> None:
        pause_s = BACKOFF_FIRST_S
        while True:
            try:
                await self._connection()
            except (aiomqtt.MqttError, OSError) as error:
                pause_s = BACKOFF_FIRST_S if self.connected.is_set() else min(pause_s * 2, BACKOFF_MAX_S)
                log.warning("%s: broker lost (%s), again within %.1f s", self._client_id, error, pause_s)
            finally:
                self._client = None
                self.connected.clear()
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))

    async def _connection(self) -> None:
        async with aiomqtt.Client(
            self._settings.mqtt_host,
            self._settings.mqtt_port,
            identifier=self._client_id,
            clean_session=False,  # what arrives while this service is down waits at the broker
            tls_context=_tls(self._settings),
            max_queued_incoming_messages=QUEUE_MAX,
            keepalive=30,
        ) as client:
            client.pending_calls_threshold = 2 * PUBLISHES_AT_ONCE
            client._client.manual_ack_set(True)  # aiomqtt has no name of its own for it
            await client.subscribe(self._filters)
            self._client = client
            self.connected.set()
            log.info(
                "%s: connected to %s:%d", self._client_id, self._settings.mqtt_host, self._settings.mqtt_port
            )
            await self._consume(client)

    async def _consume(self, client: aiomqtt.Client) -> None:
        while True:
            batch = [await anext(client.messages)]
            while len(client.messages) and len(batch) < BATCH_MAX:
                batch.append(await anext(client.messages))
            await self._commit([_message(each) for each in batch if _is_ours(each)])
            for each in batch:
                client._client.ack(each.mid, each.qos)

    async def _commit(self, batch: list[Message]) -> None:
        """Returns once `batch` is committed, however long that takes: nothing behind it overtakes it."""
        pause_s = BACKOFF_FIRST_S
        while batch:
            try:
                return await self._handle(batch)
            except Exception:
                log.exception(
                    "%s: %d messages not committed, again in %.1f s", self._client_id, len(batch), pause_s
                )
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, BACKOFF_MAX_S)


def _is_ours(message: aiomqtt.Message) -> bool:
    device, _ = topics.parse(message.topic.value)
    if device is None or len(message.payload or b"") > PAYLOAD_MAX_BYTES:
        log.warning("dropped %d bytes on %s", len(message.payload or b""), message.topic)
        return False
    return True


def _message(message: aiomqtt.Message) -> Message:
    device, name = topics.parse(message.topic.value)
    return Message(device, name, bytes(message.payload or b""))


def _tls(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(settings.ca_cert))
    context.load_cert_chain(settings.mqtt_cert, settings.mqtt_key)
    return context
