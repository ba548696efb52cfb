"""Both brokers from outside, with real clients: who gets in, what each may do, and that nothing is lost.

Where mosquitto answers otherwise, a test says how: it gives a client the name of its certificate in place of
refusing another, and it drops in silence what a client may not publish or receive.
"""

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
REFUSED = b"\x20\x02\x00\x05"
OTHER = "dev-b"
PRESENCE_A, PRESENCE_B = (topics.topic(device, "presence") for device in ("dev-a", OTHER))


@pytest.fixture
def device(identity) -> Identity:
    return identity("dev-a")


@pytest.fixture
def service(identity) -> Identity:
    return identity("service-ota")


@pytest.fixture
def other_service(identity) -> Identity:
    return identity("service-ota-2")


def strict(cloud) -> bool:
    """Refuses with words, and ends the connection of who does what it may not."""
    return cloud.broker == "embedded"


async def watching(cloud, service, topic_filter="fieldrec/v1/#") -> aiomqtt.Client:
    client = connect(cloud, service)
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


async def test_no_certificate_is_refused(broker_cloud):
    assert await handshake_refused(broker_cloud, ssl.create_default_context(cafile=broker_cloud.ca))


async def test_certificate_of_another_ca_is_refused(broker_cloud, tmp_path):
    stranger = make_identity("dev-a", pki.make_authority(), tmp_path, broker_cloud.ca)
    assert await handshake_refused(broker_cloud, stranger.context())


async def test_server_certificate_is_no_client_certificate(broker_cloud):
    context = ssl.create_default_context(cafile=broker_cloud.ca)
    context.load_cert_chain(*broker_cloud.material.server)
    assert await handshake_refused(broker_cloud, context)


@pytest.mark.parametrize("client_id", [OTHER, "", "dev-a-2", "service-ota", "DEV-A"])
async def test_client_id_must_be_the_certificates(broker_cloud, device, client_id):
    async with bare(broker_cloud, device) as link:
        answer = await link.connect(client_id)
        if strict(broker_cloud) or not client_id:
            assert answer[3] == (5 if strict(broker_cloud) else 2)
            assert await link.closed()
        else:
            async with connect(broker_cloud, device):
                assert await link.closed()  # that was the same client, by its certificate


async def test_service_may_add_to_its_name_but_not_take_another(broker_cloud, service):
    async with connect(broker_cloud, service, "service-ota-2"):
        pass
    if not strict(broker_cloud):
        return  # it is service-ota, whatever it says
    assert NOT_AUTHORISED in await refused(connect(broker_cloud, service, "service-registration"))
    assert NOT_AUTHORISED in await refused(connect(broker_cloud, service, "dev-a"))


@pytest.mark.parametrize("clean", [True, False])
async def test_pretender_does_not_touch_the_session_it_names(broker_cloud, device, identity, service, clean):
    async with connect(broker_cloud, device, clean_session=clean) as victim:
        await victim.subscribe(topics.topic("dev-a", "jobs/notify"), qos=1)
        for pretends_clean in (True, False):
            async with bare(broker_cloud, identity(OTHER)) as link:
                answer = await link.connect("dev-a", clean=pretends_clean)
                assert answer == (REFUSED if strict(broker_cloud) else b"\x20\x02\x00\x00")
        async with connect(broker_cloud, service) as cloud:
            await cloud.publish(topics.topic("dev-a", "jobs/notify"), b"still there", qos=1)
        assert (await receive(victim)).payload == b"still there"


async def test_pretender_is_refused_after_the_device_left(broker_cloud, device, identity):
    """amqtt alone would authenticate it by the certificate of the session's last connection."""
    async with connect(broker_cloud, device, clean_session=False):
        pass
    if not strict(broker_cloud):
        return
    async with bare(broker_cloud, identity(OTHER)) as link:
        assert await link.connect("dev-a", clean=False) == REFUSED
    assert "not authorised to connect: client id 'dev-a' with the certificate of 'dev-b'" in log_of(
        broker_cloud
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
async def test_device_is_not_authorised_to_subscribe(broker_cloud, device, service, topic_filter):
    async with connect(broker_cloud, device) as client:
        code = await granted(client, topic_filter)
        if strict(broker_cloud):
            assert code == 0x80
            assert f"dev-a: not authorised to subscribe to {topic_filter!r}" in log_of(broker_cloud)
        else:
            await hears_only_what_is_its_own(client, broker_cloud, service)


async def hears_only_what_is_its_own(client, cloud, service):
    """mosquitto grants every subscription, and delivers what the rules let through."""
    await client.subscribe(topics.topic("dev-a", "jobs/notify"), qos=1)
    foreign = [topics.topic(OTHER, name) for name in ("heartbeat", "jobs/notify", "commands/reboot")]
    foreign += [topics.topic("dev-a", name) for name in ("heartbeat", "jobs/7/update")]
    async with connect(cloud, service) as sender:
        for topic in foreign:
            await sender.publish(topic, b"foreign", qos=1)
        await sender.publish(topics.topic("dev-a", "jobs/notify"), b"own", qos=1)
    assert (await receive(client)).payload == b"own"


async def test_device_subscribes_to_its_own(broker_cloud, device, service):
    async with connect(broker_cloud, device) as client, connect(broker_cloud, service) as cloud:
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
async def test_device_is_not_authorised_to_publish(
    broker_cloud, device, service, topic, retain, qos, other_service
):
    if not strict(broker_cloud) and topic.endswith(("jobs/7/update", "jobs//update")):
        pytest.skip("mosquitto's rules know nothing of retaining, and their + matches an empty level")
    watcher = await watching(broker_cloud, other_service)
    async with bare(broker_cloud, device) as link:
        assert await link.connect("dev-a") == b"\x20\x02\x00\x00"
        packet_id = b"\x00\x01" if qos else b""
        await link.send(0x30 | qos << 1 | retain, string(topic) + packet_id + b"forged")
        assert not strict(broker_cloud) or await link.closed()
    async with connect(broker_cloud, device) as client:
        await client.publish(topics.topic("dev-a", "events"), b"genuine", qos=1)
    assert (await receive(watcher)).payload == b"genuine"  # which was sent after it
    await watcher.__aexit__(None, None, None)
    if strict(broker_cloud):
        assert "dev-a: not authorised to publish to" in log_of(broker_cloud)
    async with connect(broker_cloud, service) as late:
        await late.subscribe(topic, qos=1)
        await late.publish(topic, b"mark", qos=1)
        assert (await receive(late)).payload == b"mark"  # and nothing retained came before it


@pytest.mark.parametrize("topic", [PRESENCE_B, "anything", topics.topic("dev-a", "jobs/notify")])
async def test_last_will_to_a_foreign_topic_is_refused(broker_cloud, device, topic, other_service):
    if strict(broker_cloud):
        will = aiomqtt.Will(topic, b"forged", qos=1, retain=True)
        assert NOT_AUTHORISED in await refused(connect(broker_cloud, device, will=will))
        assert f"not authorised to connect: last will to {topic!r}" in log_of(broker_cloud)
        return
    watcher = await watching(broker_cloud, other_service, "fieldrec/#")
    async with bare(broker_cloud, device) as link:
        await link.connect("dev-a", will=(topic, "forged"))
    async with connect(broker_cloud, device) as client:
        await client.publish(topics.topic("dev-a", "events"), b"genuine", qos=1)
    assert (await receive(watcher)).payload == b"genuine"  # and the will, which was due before it, is dropped
    await watcher.__aexit__(None, None, None)


async def test_device_is_not_sent_what_is_retained_for_others(
    broker_cloud, device, identity, service, other_service
):
    """amqtt alone would: on connecting, all that is retained under any client's subscription."""
    watcher = await watching(broker_cloud, other_service)
    async with connect(broker_cloud, identity(OTHER)) as other:
        await other.publish(PRESENCE_B, b"secret of b", qos=1, retain=True)
    assert (await receive(watcher)).payload == b"secret of b"
    async with connect(broker_cloud, device) as client, connect(broker_cloud, service) as cloud:
        await client.subscribe(topics.topic("dev-a", "jobs/notify"), qos=1)
        await cloud.publish(topics.topic("dev-a", "jobs/notify"), b"for a", qos=1)
        assert (await receive(client)).payload == b"for a"
        await cloud.publish(PRESENCE_B, b"", qos=1, retain=True)
    await watcher.__aexit__(None, None, None)


# presence


def presence(online: bool) -> bytes:
    return json.dumps({"v": 1, "online": online, "since": None}).encode()


async def leave_presence(cloud, device) -> None:
    async with connect(cloud, device) as client:
        await client.publish(PRESENCE_A, presence(False), qos=1, retain=True)


async def test_presence_is_retained_and_the_last_will_replaces_it(
    broker_cloud, device, service, other_service
):
    watcher = await watching(broker_cloud, other_service, PRESENCE_A)
    async with bare(broker_cloud, device) as link:
        await link.connect("dev-a", will=(PRESENCE_A, presence(False).decode()))
        await link.send(0x33, string(PRESENCE_A) + b"\x00\x01" + presence(True))
        assert (await receive(watcher)).payload == presence(True)
    assert (await receive(watcher)).payload == presence(False)  # the link was cut
    await watcher.__aexit__(None, None, None)
    async with connect(broker_cloud, service) as late:
        await late.subscribe(PRESENCE_A, qos=1)
        kept = await receive(late)
        assert (kept.payload, kept.retain) == (presence(False), True)


async def test_silent_device_goes_offline(broker_cloud, device, service, other_service):
    """Nothing on the link for 1.5 times the keep-alive: as when a battery is pulled, and no FIN comes."""
    await leave_presence(broker_cloud, device)
    watcher = await watching(broker_cloud, other_service, PRESENCE_A)
    await receive(watcher)  # what is retained
    async with bare(broker_cloud, device) as link:
        await link.connect("dev-a", keep_alive_s=1, will=(PRESENCE_A, "silent"))
        assert (await receive(watcher, 15)).payload == b"silent"  # mosquitto looks every few seconds
    await watcher.__aexit__(None, None, None)


@pytest.mark.parametrize("clean", [True, False])
async def test_newer_connection_takes_over(broker_cloud, device, service, clean, other_service):
    notify = topics.topic("dev-a", "jobs/notify")
    await leave_presence(broker_cloud, device)
    watcher = await watching(broker_cloud, other_service, PRESENCE_A)
    await receive(watcher)  # what is retained
    async with bare(broker_cloud, device) as old:
        await old.connect("dev-a", clean=clean, will=(PRESENCE_A, "old one left"))
        async with connect(broker_cloud, device, clean_session=clean) as new:
            if clean or strict(broker_cloud):  # mosquitto: a session that goes on has not ended
                assert (await receive(watcher)).payload == b"old one left"
            assert await old.closed()
            await new.publish(PRESENCE_A, presence(True), qos=1, retain=True)
            assert (await receive(watcher)).payload == presence(True)
            await new.subscribe(notify, qos=1)
            await watcher.publish(notify, b"to the new one", qos=1)
            assert (await receive(new)).payload == b"to the new one"
    await watcher.__aexit__(None, None, None)


# nothing lost


async def test_what_came_while_offline_is_delivered(broker_cloud, device, service):
    notify = topics.topic("dev-a", "jobs/notify")
    async with connect(broker_cloud, device, clean_session=False) as client:
        await client.subscribe(notify, qos=1)
    async with connect(broker_cloud, service) as cloud:
        await cloud.publish(notify, b"while you slept", qos=1)
    async with connect(broker_cloud, device, clean_session=False) as client:
        message = await receive(client)
        assert (message.payload, message.retain) == (b"while you slept", False)
    async with connect(broker_cloud, device, clean_session=True):
        pass


async def test_unacknowledged_is_sent_again_to_a_new_connection(broker_cloud, device, service):
    """As when a service is killed between receiving a status and committing it."""
    update = topics.topic("dev-a", "jobs/7/update")
    async with connect(broker_cloud, service, clean_session=False) as consumer:
        consumer._client.manual_ack_set(True)
        await consumer.subscribe(update, qos=1)
        async with connect(broker_cloud, device) as client:
            await client.publish(update, b"SUCCEEDED", qos=1)
        assert (await receive(consumer)).payload == b"SUCCEEDED"
    async with connect(broker_cloud, service, clean_session=False) as consumer:
        consumer._client.manual_ack_set(True)
        await consumer.subscribe(
            topics.topic("+", "heartbeat"), qos=1
        )  # answered though nothing is acknowledged
        again = await receive(consumer)
        assert again.payload == b"SUCCEEDED"
        consumer._client.ack(again.mid, again.qos)
    async with connect(broker_cloud, service, clean_session=False) as consumer:
        async with connect(broker_cloud, device) as client:
            await client.publish(update, b"the next", qos=1)
        assert (await receive(consumer)).payload == b"the next"  # the first one is done with
    async with connect(broker_cloud, service, clean_session=True):
        pass


async def test_slow_consumer_gets_everything_in_order(broker_cloud, device, service):
    """More than are sent ahead of their acknowledgement."""
    events, count = topics.topic("dev-a", "events"), 2500
    async with connect(broker_cloud, service, clean_session=True) as consumer:
        consumer._client.manual_ack_set(True)
        await consumer.subscribe(events, qos=1)
        async with connect(broker_cloud, device, max_inflight_messages=100) as client:
            client.pending_calls_threshold = count
            await asyncio.gather(*(client.publish(events, str(n), qos=1, timeout=30) for n in range(count)))
        for n in range(count):
            message = await receive(consumer)
            assert message.payload == str(n).encode()
            consumer._client.ack(message.mid, message.qos)


# what a hostile client sends


async def test_packet_that_is_too_large_ends_the_connection(broker_cloud, device):
    async with bare(broker_cloud, device) as link:
        await link.connect("dev-a")
        link.writer.write(b"\x30\xff\xff\xff\x7f" + string(topics.topic("dev-a", "events")) + b"x" * 1000)
        assert await link.closed()
    words = "a packet of over 65536 bytes" if strict(broker_cloud) else "disconnected"
    assert words in log_of(broker_cloud)


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
async def test_garbage_instead_of_connect_harms_no_one(broker_cloud, device, service, data):
    async with bare(broker_cloud, device) as link:
        link.writer.write(data)
        link.writer.write_eof() if link.writer.can_write_eof() else link.writer.close()
        assert await link.closed(15)
    async with connect(broker_cloud, service):
        pass
