"""The one place where services speak MQTT: mutual TLS, QoS 1, reconnects, acknowledgement after commit."""

import asyncio
import json
import logging
import random
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import aiomqtt

from cloud.observe import metrics
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
QUIET_S = 0.3  # without a message for so long after it has left, nothing more comes
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

    def __init__(self, settings: Settings, client_id: str, names: Iterable[str]):
        """`names`: keys of wire.topics.TOPICS; `client_id`: `service-NAME`, or begins with it and `-`.

        Where the broker knows `$share`, all processes of a service divide what comes; but what is retained
        each of them gets, because a broker sends it to no shared subscription, and because the last word of
        a device has to be the last that is written, whichever process is behind.
        """
        self.connected = asyncio.Event()
        self.connections = 0  # how often it has connected so far
        self._settings = settings
        self._client_id = f"{client_id}-{settings.instance}" if settings.instance else client_id
        service = "-".join(client_id.split("-")[:2])
        group = f"{service}-{settings.mqtt_share}" if settings.mqtt_share else ""
        self._filters = [(_filter(name, group), 1) for name in names]
        self._handle: Handler
        self._client: aiomqtt.Client | None = None
        self._publishing = asyncio.Semaphore(PUBLISHES_AT_ONCE)
        self._leaves = bool(settings.instance)
        self._at_work = asyncio.Lock()  # from the first message of a batch until it is acknowledged
        self._taken = 0

    @asynccontextmanager
    async def running(self, handle: Handler) -> AsyncIterator["Bus"]:
        """At its end the batch at work is committed and acknowledged before the connection is closed."""
        self._handle = handle
        async with background(self._stay_connected(), f"bus of {self._client_id}"):
            try:
                yield self
            finally:
                await self._drain()

    async def _drain(self) -> None:
        """What is not done in time stays unacknowledged: the broker sends it again.

        The first process of a service keeps its subscriptions, so that something always waits for what comes.
        The others give theirs back: nobody knows whether they will be started again.
        """
        with suppress(TimeoutError, aiomqtt.MqttError):
            async with asyncio.timeout(self._settings.grace_s / 2):
                if self._leaves and (client := self._client):
                    await client.unsubscribe([name for name, _ in self._filters])
                    await self._until_quiet(client)
                await self._at_work.acquire()

    async def _until_quiet(self, client: aiomqtt.Client) -> None:
        seen = -1
        while seen != self._taken or len(client.messages) or self._at_work.locked():
            seen = self._taken
            await asyncio.sleep(QUIET_S)  # that nothing comes can't be awaited

    async def publish(self, device: str, name: str, message: dict, retain: bool = False) -> None:
        """Send `message` to one device; returns when the broker has it. Raises BusDown."""
        if self._client is None:
            raise BusDown("not connected to the broker")
        payload = json.dumps({"v": topics.VERSION, **message})
        try:
            async with self._publishing:
                await self._client.publish(
                    topics.topic(device, name), payload, 1, retain, timeout=PUBLISH_TIMEOUT_S
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
        connection = aiomqtt.Client(
            self._settings.mqtt_host,
            self._settings.mqtt_port,
            identifier=self._client_id,
            clean_session=False,  # what arrives while this service is down waits at the broker
            tls_context=_tls(self._settings, self._client_id),
            max_queued_incoming_messages=QUEUE_MAX,
            queue_type=metrics.Arrivals,
            keepalive=30,
        )
        connection.pending_calls_threshold = 2 * PUBLISHES_AT_ONCE
        # aiomqtt has no name of its own for it; before it connects: what waits comes together with the welcome
        connection._client.manual_ack_set(True)
        async with connection as client:
            if self._settings.retire:  # only what waits for this process is still its to commit
                await client.unsubscribe([name for name, _ in self._filters])
            else:
                await client.subscribe(self._filters)
            self._client = client
            self.connections += 1
            self.connected.set()
            log.info(
                "%s: connected to %s:%d", self._client_id, self._settings.mqtt_host, self._settings.mqtt_port
            )
            await self._consume(client)

    async def _consume(self, client: aiomqtt.Client) -> None:
        while True:
            first = await anext(client.messages)
            self._taken += 1
            async with self._at_work:
                await self._take(client, first)

    async def _take(self, client: aiomqtt.Client, first: aiomqtt.Message) -> None:
        batch, came = [first], client._queue.last_came  # type: ignore[attr-defined]  # of Arrivals
        while len(client.messages) and len(batch) < BATCH_MAX:
            batch.append(await anext(client.messages))
        await self._commit([_message(each) for each in batch if _is_ours(each)])
        self._count(batch, came)
        for each in batch:
            client._client.ack(each.mid, each.qos)

    def _count(self, batch: list[aiomqtt.Message], came: float) -> None:
        client = self._client_id
        metrics.LAG.labels(client).observe(time.monotonic() - came)
        metrics.BATCH.labels(client).observe(len(batch))
        for name, count in Counter(metrics.topic_of(_message(each).name or "") for each in batch).items():
            metrics.MESSAGES.labels(client, name).inc(count)

    async def _commit(self, batch: list[Message]) -> None:
        """Returns once `batch` is committed, however long that takes: nothing behind it overtakes it."""
        pause_s = BACKOFF_FIRST_S
        while batch:
            try:
                return await self._handle(batch)
            except Exception:
                metrics.NOT_COMMITTED.labels(self._client_id).inc()
                log.exception(
                    "%s: %d messages not committed, again in %.1f s", self._client_id, len(batch), pause_s
                )
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, BACKOFF_MAX_S)


def _filter(name: str, group: str) -> str:
    """`group` is empty where nothing is shared."""
    own = topics.topic(_ANY_DEVICE, name)
    _, retained = topics.TOPICS[name]
    return f"$share/{group}/{own}" if group and not retained else own


def _is_ours(message: aiomqtt.Message) -> bool:
    device, _ = topics.parse(message.topic.value)
    if device is None or len(message.payload or b"") > PAYLOAD_MAX_BYTES:
        log.warning("dropped %d bytes on %s", len(message.payload or b""), message.topic)
        return False
    return True


def _message(message: aiomqtt.Message) -> Message:
    device, name = topics.parse(message.topic.value)
    return Message(device, name, bytes(message.payload or b""))


def _tls(settings: Settings, client_id: str) -> ssl.SSLContext:
    """With the certificate of this very client id if there is one beside the service's: mosquitto goes by it."""
    own = settings.mqtt_cert.with_name(f"{client_id}.pem")
    context = ssl.create_default_context(cafile=str(settings.ca_cert))
    if own.exists():
        context.load_cert_chain(own, own.with_suffix(".key"))
    else:
        context.load_cert_chain(settings.mqtt_cert, settings.mqtt_key)
    return context
