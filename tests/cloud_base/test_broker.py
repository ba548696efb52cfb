"""The broker from outside, with real clients: who gets in, what each may do, and that nothing is lost."""

import asyncio
import json
import ssl

import aiomqtt
import pytest

from cloud import pki
from tests.cloud_base.mqtt import Bare, bare, connect, receive, refused, string
from tests.cloud_fixtures import Identity, make_identity
from wire import topics

NOT_AUTHORISED = "Not authorized"  # paho's words for CONNACK 5
OTHER = "dev-b"
PRESENCE_A, PRESENCE_B = (topics.topic(device, "presence") for device in ("dev-a", OTHER))


@pytest.fixture
def device(device_identity) -> Identity:
    return device_identity("dev-a")


@pytest.fixture
def service(cloud_stores) -> Identity:
    identity = object.__new__(Identity)
    identity.name, identity.ca = "service-ota", cloud_stores.ca
    identity.certificate, identity.key = cloud_stores.material.service("ota")
    return identity


async def watching(cloud, service, topic_filter="fieldrec/v1/#") -> aiomqtt.Client:
    client = connect(cloud, service, "service-ota-watch")
    await client.__aenter__()
    await client.subscribe(topic_filter, qos=1)
    return client


def log_of(cloud) -> str:
    return (cloud.data / "log/broker.log").read_text()


# who gets in


async def handshake_refused(cloud, context: ssl.SSLContext) -> bool:
    """In TLS 1.3 the client learns only when it reads that its certificate was refused."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", cloud.ports["broker"], ssl=context)
    except (ssl.SSLError, ConnectionError):
        return True
    try:
        link = Bare(reader, writer)
        return await link.connect("dev-a") == b"" or False
    except (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError):
        return True
    finally:
        writer.transport.abort()


async def test_no_certificate_is_refused(cloud_stores):
    assert await handshake_refused(cloud_stores, ssl.create_default_context(cafile=cloud_stores.ca))


async def test_certificate_of_another_ca_is_refused(cloud_stores, tmp_path):
    stranger = make_identity("dev-a", pki.make_authority(), tmp_path, cloud_stores.ca)
    assert await handshake_refused(cloud_stores, stranger.context())


async def test_server_certificate_is_no_client_certificate(cloud_stores):
    context = ssl.create_default_context(cafile=cloud_stores.ca)
    context.load_cert_chain(*cloud_stores.material.server)
    assert await handshake_refused(cloud_stores, context)


@pytest.mark.parametrize("client_id", [OTHER, "", "dev-a-2", "service-ota", "DEV-A"])
async def test_client_id_must_be_the_certificates(cloud_stores, device, client_id):
    async with bare(cloud_stores, device) as link:
        assert await link.connect(client_id) == b"\x20\x02\x00\x05"
        assert await link.closed()


async def test_service_may_add_to_its_name_but_not_take_another(cloud_stores, service):
    async with connect(cloud_stores, service, "service-ota-2"):
        pass
    assert NOT_AUTHORISED in await refused(connect(cloud_stores, service, "service-registration"))
    assert NOT_AUTHORISED in await refused(connect(cloud_stores, service, "dev-a"))


@pytest.mark.parametrize("clean", [True, False])
async def test_pretender_does_not_touch_the_session_it_names(
    cloud_stores, device, device_identity, service, clean
):
    async with connect(cloud_stores, device, clean_session=clean) as victim:
        await victim.subscribe(topics.topic("dev-a", "jobs/notify"), qos=1)
        for pretends_clean in (True, False):
            async with bare(cloud_stores, device_identity(OTHER)) as link:
                assert await link.connect("dev-a", clean=pretends_clean) == b"\x20\x02\x00\x05"
        async with connect(cloud_stores, service) as cloud:
            await cloud.publish(topics.topic("dev-a", "jobs/notify"), b"still there", qos=1)
        assert (await receive(victim)).payload == b"still there"


async def test_pretender_is_refused_after_the_device_left(cloud_stores, device, device_identity):
    """amqtt alone would authenticate it by the certificate of the session's last connection."""
    async with connect(cloud_stores, device, clean_session=False):
        pass
    async with bare(cloud_stores, device_identity(OTHER)) as link:
        assert await link.connect("dev-a", clean=False) == b"\x20\x02\x00\x05"
    assert "not authorised to connect: client id 'dev-a' with the certificate of 'dev-b'" in log_of(
        cloud_stores
    )


# what each may do


async def granted(client: aiomqtt.Client, topic_filter: str) -> int:
    """SUBACK's return code: the QoS granted, or 0x80."""
    code = (await client.subscribe(topic_filter, qos=1))[0]
    return code if isinstance(code, int) else code.value


@pytest.mark.parametrize(
    "topic_filter",
    [
        "#", "+/#", "fieldrec/#", "fieldrec/v1/#", "fieldrec/v1/+/heartbeat", "fieldrec/v1/+/jobs/notify",
        "fieldrec/v1/dev-b/jobs/notify", "fieldrec/v1/dev-b/#", "fieldrec/v1/dev-a/#", "$SYS/#",
        "fieldrec/v1/dev-a/heartbeat", "fieldrec/v1/dev-a/jobs/+/update", "fieldrec/v1/dev-/jobs/notify",
        "fieldrec/v1//jobs/notify", "$share/g/fieldrec/v1/+/heartbeat", "/fieldrec/v1/dev-a/jobs/notify",
        "fieldrec/v2/dev-a/jobs/notify",
    ],
)  # fmt: skip
async def test_device_is_not_authorised_to_subscribe(cloud_stores, device, topic_filter):
    async with connect(cloud_stores, device) as client:
        assert await granted(client, topic_filter) == 0x80
    assert f"dev-a: not authorised to subscribe to {topic_filter!r}" in log_of(cloud_stores)


async def test_device_subscribes_to_its_own(cloud_stores, device, service):
    async with connect(cloud_stores, device) as client, connect(cloud_stores, service) as cloud:
        for name in ("jobs/notify", "commands/+", "config/desired"):
            assert await granted(client, topics.topic("dev-a", name)) == 1
        await cloud.publish(topics.topic("dev-a", "commands/reboot"), b"now", qos=1)
        assert (await receive(client)).payload == b"now"


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize(
    ("topic", "retain"),
    [
        (topics.topic(OTHER, "heartbeat"), False),
        (PRESENCE_B, True),
        (topics.topic("dev-a", "jobs/notify"), False),
        (topics.topic("dev-a", "config/desired"), True),
        (topics.topic("dev-a", "jobs/7/8/update"), False),
        (topics.topic("dev-a", "jobs//update"), False),
        (topics.topic("dev-a", "jobs/7/update"), True),  # else it could fill the broker's memory
        ("fieldrec/v1/dev-a", False),
    ],
)
async def test_device_is_not_authorised_to_publish(cloud_stores, device, service, topic, retain, qos):
    watcher = await watching(cloud_stores, service)
    async with bare(cloud_stores, device) as link:
        assert await link.connect("dev-a") == b"\x20\x02\x00\x00"
        packet_id = b"\x00\x01" if qos else b""
        await link.send(0x30 | qos << 1 | retain, string(topic) + packet_id + b"forged")
        assert await link.closed()
    async with connect(cloud_stores, device) as client:
        await client.publish(topics.topic("dev-a", "events"), b"genuine", qos=1)
    assert (await receive(watcher)).payload == b"genuine"  # which was sent after it
    await watcher.__aexit__(None, None, None)
    assert "dev-a: not authorised to publish to" in log_of(cloud_stores)
    async with connect(cloud_stores, service) as late:
        await late.subscribe(topic, qos=1)
        await late.publish(topic, b"mark", qos=1)
        assert (await receive(late)).payload == b"mark"  # and nothing retained came before it


@pytest.mark.parametrize("topic", [PRESENCE_B, "anything", topics.topic("dev-a", "jobs/notify")])
async def test_last_will_to_a_foreign_topic_is_refused(cloud_stores, device, topic):
    will = aiomqtt.Will(topic, b"forged", qos=1, retain=True)
    assert NOT_AUTHORISED in await refused(connect(cloud_stores, device, will=will))
    assert f"not authorised to connect: last will to {topic!r}" in log_of(cloud_stores)


async def test_device_is_not_sent_what_is_retained_for_others(cloud_stores, device, device_identity, service):
    """amqtt alone would: on connecting, all that is retained under any client's subscription."""
    watcher = await watching(cloud_stores, service)
    async with connect(cloud_stores, device_identity(OTHER)) as other:
        await other.publish(PRESENCE_B, b"secret of b", qos=1, retain=True)
    assert (await receive(watcher)).payload == b"secret of b"
    async with connect(cloud_stores, device) as client, connect(cloud_stores, service) as cloud:
        await client.subscribe(topics.topic("dev-a", "jobs/notify"), qos=1)
        await cloud.publish(topics.topic("dev-a", "jobs/notify"), b"for a", qos=1)
        assert (await receive(client)).payload == b"for a"
        await cloud.publish(PRESENCE_B, b"", qos=1, retain=True)
    await watcher.__aexit__(None, None, None)


# presence


def presence(online: bool) -> bytes:
    return json.dumps({"v": 1, "online": online, "since": None}).encode()


async def test_presence_is_retained_and_the_last_will_replaces_it(cloud_stores, device, service):
    watcher = await watching(cloud_stores, service, PRESENCE_A)
    async with bare(cloud_stores, device) as link:
        await link.connect("dev-a", will=(PRESENCE_A, presence(False).decode()))
        await link.send(0x33, string(PRESENCE_A) + b"\x00\x01" + presence(True))
        assert (await receive(watcher)).payload == presence(True)
    assert (await receive(watcher)).payload == presence(False)  # the link was cut
    await watcher.__aexit__(None, None, None)
    async with connect(cloud_stores, service) as late:
        await late.subscribe(PRESENCE_A, qos=1)
        kept = await receive(late)
        assert (kept.payload, kept.retain) == (presence(False), True)


async def test_silent_device_goes_offline(cloud_stores, device, service):
    """Nothing on the link for 1.5 times the keep-alive: as when a battery is pulled, and no FIN comes."""
    watcher = await watching(cloud_stores, service, PRESENCE_A)
    await receive(watcher)  # what is retained
    async with bare(cloud_stores, device) as link:
        await link.connect("dev-a", keep_alive_s=1, will=(PRESENCE_A, "silent"))
        assert (await receive(watcher)).payload == b"silent"
    await watcher.__aexit__(None, None, None)


@pytest.mark.parametrize("clean", [True, False])
async def test_newer_connection_takes_over(cloud_stores, device, service, clean):
    notify = topics.topic("dev-a", "jobs/notify")
    watcher = await watching(cloud_stores, service, PRESENCE_A)
    await receive(watcher)  # what is retained
    async with bare(cloud_stores, device) as old:
        await old.connect("dev-a", clean=clean, will=(PRESENCE_A, "old one left"))
        async with connect(cloud_stores, device, clean_session=clean) as new:
            assert (await receive(watcher)).payload == b"old one left"
            assert await old.closed()
            await new.publish(PRESENCE_A, presence(True), qos=1, retain=True)
            assert (await receive(watcher)).payload == presence(True)
            await new.subscribe(notify, qos=1)
            await watcher.publish(notify, b"to the new one", qos=1)
            assert (await receive(new)).payload == b"to the new one"
    await watcher.__aexit__(None, None, None)


# nothing lost


async def test_what_came_while_offline_is_delivered(cloud_stores, device, service):
    notify = topics.topic("dev-a", "jobs/notify")
    async with connect(cloud_stores, device, clean_session=False) as client:
        await client.subscribe(notify, qos=1)
    async with connect(cloud_stores, service) as cloud:
        await cloud.publish(notify, b"while you slept", qos=1)
    async with connect(cloud_stores, device, clean_session=False) as client:
        message = await receive(client)
        assert (message.payload, message.retain) == (b"while you slept", False)
    async with connect(cloud_stores, device, clean_session=True):
        pass


async def test_unacknowledged_is_sent_again_to_a_new_connection(cloud_stores, device, service):
    """As when a service is killed between receiving a status and committing it."""
    update = topics.topic("dev-a", "jobs/7/update")
    name = "service-ota-acks"
    async with connect(cloud_stores, service, name, clean_session=False) as consumer:
        consumer._client.manual_ack_set(True)
        await consumer.subscribe(update, qos=1)
        async with connect(cloud_stores, device) as client:
            await client.publish(update, b"SUCCEEDED", qos=1)
        assert (await receive(consumer)).payload == b"SUCCEEDED"
    async with connect(cloud_stores, service, name, clean_session=False) as consumer:
        consumer._client.manual_ack_set(True)
        await consumer.subscribe(
            topics.topic("+", "heartbeat"), qos=1
        )  # answered though nothing is acknowledged
        again = await receive(consumer)
        assert again.payload == b"SUCCEEDED"
        consumer._client.ack(again.mid, again.qos)
    async with connect(cloud_stores, service, name, clean_session=False) as consumer:
        async with connect(cloud_stores, device) as client:
            await client.publish(update, b"the next", qos=1)
        assert (await receive(consumer)).payload == b"the next"  # the first one is done with
    async with connect(cloud_stores, service, name, clean_session=True):
        pass


async def test_slow_consumer_gets_everything_in_order(cloud_stores, device, service):
    """More than are sent ahead of their acknowledgement."""
    events, count = topics.topic("dev-a", "events"), 2500
    async with connect(cloud_stores, service, clean_session=True) as consumer:
        consumer._client.manual_ack_set(True)
        await consumer.subscribe(events, qos=1)
        async with connect(cloud_stores, device, max_inflight_messages=100) as client:
            client.pending_calls_threshold = count
            await asyncio.gather(*(client.publish(events, str(n), qos=1, timeout=30) for n in range(count)))
        for n in range(count):
            message = await receive(consumer)
            assert message.payload == str(n).encode()
            consumer._client.ack(message.mid, message.qos)


# what a hostile client sends


async def test_packet_that_is_too_large_ends_the_connection(cloud_stores, device):
    async with bare(cloud_stores, device) as link:
        await link.connect("dev-a")
        link.writer.write(b"\x30\xff\xff\xff\x7f" + string(topics.topic("dev-a", "events")) + b"x" * 1000)
        assert await link.closed()
    assert "a packet of over 65536 bytes" in log_of(cloud_stores)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x00", b"\xff" * 64, b"GET / HTTP/1.1\r\n\r\n", b"\x10\xff\xff\xff\xff\xff", b"\x10\x00",
        b"\x10\x02\x00\x04",
        b"\x10\x0a\x00\x04MQTT\x04\x02\x00\x05", b"\x10\x10\x00\x04MQTT\x05\x02\x00\x05\x00\x00\x03dev",
        b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x05\x00\x03\xff\xfe\xfd", b"\x82\x05\x00\x01\x00\x00\x01",
        b"\x10\xff\xff\x7f\x00\x04MQTT\x04\xc2\x00\x05\x00\x05dev-a\xff\xff" + b"x" * 70000,
    ],
)  # fmt: skip
async def test_garbage_instead_of_connect_harms_no_one(cloud_stores, device, service, data):
    async with bare(cloud_stores, device) as link:
        link.writer.write(data)
        link.writer.write_eof() if link.writer.can_write_eof() else link.writer.close()
        assert await link.closed(15)
    async with connect(cloud_stores, service):
        pass
