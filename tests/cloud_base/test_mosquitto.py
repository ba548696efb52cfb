"""What is mosquitto's own: its rules, its keeper, and how a revocation reaches it."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import aiomqtt
import psycopg
import pytest
from cryptography import x509

from cloud import pki
from cloud.bus import Bus
from cloud.embedded import mosquitto
from cloud.embedded.mosquitto import CONTROL
from cloud.embedded.server import Server
from cloud.processes import Cloud
from tests.cloud_base.mqtt import connect, receive, refused
from tests.cloud_fixtures import Identity, make_identity, running_cloud
from wire import topics

KICK = ("createClient", "deleteClient")
EVENTS = topics.topic("dev-b", "events")
WITHIN_S = 10.0  # a revocation has to count by then


@pytest.fixture(scope="module")
def mosquitto_cloud() -> Iterator[Cloud]:
    """With a table of certificates, and no service."""
    if words := mosquitto.missing():
        pytest.skip(words)
    with running_cloud(broker="mosquitto") as running:
        with psycopg.connect(running.settings.postgres_url) as connection:
            connection.execute(
                "CREATE TABLE certificates (serial text PRIMARY KEY, device_id text NOT NULL,"
                " expires_at timestamptz NOT NULL DEFAULT now() + interval '90 days', revoked_at timestamptz)"
            )
        yield running


@pytest.fixture
def device(mosquitto_cloud: Cloud, tmp_path: Path) -> Identity:
    return new_device(mosquitto_cloud, "dev-a", tmp_path)


def new_device(cloud: Cloud, name: str, folder: Path) -> Identity:
    """With its row in the table."""
    ca = pki.load_authority(cloud.ca, cloud.material.ca_key)
    made = make_identity(name, ca, folder, cloud.ca)
    with psycopg.connect(cloud.settings.postgres_url) as connection:
        connection.execute("INSERT INTO certificates VALUES (%s, %s)", [f"{serial_of(made):x}", name])
    return made


def broker_of(cloud: Cloud) -> Server:
    return next(each for each in cloud.servers if each.name == "broker")


def serial_of(who: Identity) -> int:
    return x509.load_pem_x509_certificate(who.certificate.read_bytes()).serial_number


def service_of(cloud: Cloud, name: str, folder: Path) -> Identity:
    ca = pki.load_authority(cloud.ca, cloud.material.ca_key)
    return Identity(f"service-{name}", *pki.service_certificate(ca, name), folder, cloud.ca)


@pytest.fixture
def service(mosquitto_cloud: Cloud, tmp_path: Path) -> Identity:
    return service_of(mosquitto_cloud, "ota", tmp_path)


@pytest.fixture
def other_service(mosquitto_cloud: Cloud, tmp_path: Path) -> Identity:
    return service_of(mosquitto_cloud, "ota-2", tmp_path)


def revoke(cloud: Cloud, *who: Identity) -> None:
    """As registration does it: the row, then the list."""
    now, number = datetime.now(UTC), 1
    with psycopg.connect(cloud.settings.postgres_url) as connection:
        serials = [f"{serial_of(each):x}" for each in who]
        connection.execute("UPDATE certificates SET revoked_at = now() WHERE serial = ANY(%s)", [serials])
        rows = connection.execute("SELECT serial FROM certificates WHERE revoked_at IS NOT NULL").fetchall()
    ca = pki.load_authority(cloud.ca, cloud.material.ca_key)
    crl = pki.revocation_list(ca, [(int(row[0], 16), now) for row in rows], number, now)
    new = cloud.material.crl.with_suffix(".new")
    new.write_bytes(pki.pem(crl))
    new.replace(cloud.material.crl)


async def ended(client: aiomqtt.Client) -> None:
    """Returns when the broker has ended the connection."""
    async with asyncio.timeout(WITHIN_S):
        with pytest.raises(aiomqtt.MqttError):
            await anext(aiter(client.messages))


async def test_revoked_device_is_cut_off_said_to_be_offline_and_refused(
    mosquitto_cloud, device, service, tmp_path
):
    other = new_device(mosquitto_cloud, "dev-b", tmp_path)
    presence = topics.topic("dev-a", "presence")
    async with connect(mosquitto_cloud, service) as watcher, connect(mosquitto_cloud, other) as neighbour:
        await watcher.subscribe("fieldrec/v1/#", qos=1)
        async with connect(mosquitto_cloud, device) as client:
            await client.publish(presence, b"online", qos=1, retain=True)
            assert (await receive(watcher)).payload == b"online"
            revoke(mosquitto_cloud, device)
            await ended(client)
        assert json.loads((await receive(watcher)).payload) == {"v": 1, "online": False, "since": None}
        await neighbour.publish(EVENTS, b"nothing happened to me", qos=1)
        assert (await receive(watcher)).payload == b"nothing happened to me"
        await watcher.publish(presence, b"", qos=1, retain=True)
    assert "let in" not in await refused(connect(mosquitto_cloud, device, timeout=1))


async def test_device_whose_old_certificate_is_revoked_comes_back_with_the_new_one(mosquitto_cloud, tmp_path):
    old = new_device(mosquitto_cloud, "dev-c", tmp_path)
    (tmp_path / "new").mkdir()
    new = new_device(mosquitto_cloud, "dev-c", tmp_path / "new")
    async with connect(mosquitto_cloud, old) as client:
        revoke(mosquitto_cloud, old)
        await ended(client)
    async with connect(mosquitto_cloud, new):
        pass


async def test_without_the_table_everybody_has_to_connect_again(mosquitto_cloud, tmp_path, service):
    """What a certificate's serial number belongs to is not known then; what waits is kept."""
    mine, other = (new_device(mosquitto_cloud, name, tmp_path) for name in ("dev-d", "dev-e"))
    notify = topics.topic("dev-e", "jobs/notify")
    async with connect(mosquitto_cloud, other, clean_session=False) as client:
        await client.subscribe(notify, qos=1)
    async with connect(mosquitto_cloud, service) as sender:
        await sender.publish(notify, b"waits", qos=1)
    with psycopg.connect(mosquitto_cloud.settings.postgres_url, autocommit=True) as connection:
        async with connect(mosquitto_cloud, mine) as client:
            connection.execute("ALTER TABLE certificates RENAME COLUMN device_id TO gone")
            try:
                revoke(mosquitto_cloud, mine)
                await ended(client)
            finally:
                connection.execute("ALTER TABLE certificates RENAME COLUMN gone TO device_id")
    await asyncio.to_thread(broker_of(mosquitto_cloud)._wait, time.monotonic() + WITHIN_S)
    async with connect(mosquitto_cloud, other, clean_session=False) as client:
        assert (await receive(client)).payload == b"waits"


async def test_damaged_list_changes_nothing(mosquitto_cloud, device):
    revoke(mosquitto_cloud)
    good = mosquitto_cloud.material.crl.read_bytes()
    async with connect(mosquitto_cloud, device) as client:
        mosquitto_cloud.material.crl.write_bytes(b"-----BEGIN")
        await said_in_the_log(mosquitto_cloud, "is no revocation list")
        mosquitto_cloud.material.crl.write_bytes(good)
        await client.publish(topics.topic("dev-a", "events"), b"1", qos=1)


async def said_in_the_log(cloud: Cloud, words: str) -> None:
    async with asyncio.timeout(WITHIN_S):
        while words not in (cloud.data / "log/broker.log").read_text():
            await asyncio.sleep(0.05)  # a file tells nobody that it grows


async def test_device_takes_nothing_from_a_group_whose_name_it_guesses(
    mosquitto_cloud, device, service, other_service
):
    """In mosquitto it may subscribe, would be dealt every second message, and not be sent it."""
    bus = Bus(mosquitto_cloud.settings_of("ota"), "service-ota", ["heartbeat"])
    ((shared, _),) = bus._filters
    assert len(shared.split("/")[1]) > len("service-ota-") + 32
    async with connect(mosquitto_cloud, other_service) as consumer, connect(mosquitto_cloud, device) as thief:
        await consumer.subscribe(shared, qos=1)
        for guess in ("service-ota", "service-ota-"):
            await thief.subscribe(f"$share/{guess}/fieldrec/v1/+/heartbeat", qos=1)
        async with connect(mosquitto_cloud, service) as sender:
            for number in range(20):
                await sender.publish(topics.topic("dev-b", "heartbeat"), str(number), qos=1)
        assert [(await receive(consumer)).payload for _ in range(20)] == [str(n).encode() for n in range(20)]


async def test_device_has_no_word_in_the_broker_itself(mosquitto_cloud, device, service):
    """The plugin that ends sessions is told so over a topic."""
    async with connect(mosquitto_cloud, service) as victim, connect(mosquitto_cloud, device) as client:
        kick = {"commands": [{"command": word, "username": "service-ota"} for word in KICK]}
        await client.subscribe(f"{CONTROL}/response", qos=1)
        await client.publish(CONTROL, json.dumps(kick), qos=1)
        await victim.subscribe(EVENTS, qos=1)
        await victim.publish(EVENTS, b"still here", qos=1)
        assert (await receive(victim)).payload == b"still here"


@pytest.mark.parametrize("prefix", ["", "$share/service-ota-x/"], ids=["own", "shared"])
async def test_what_comes_for_a_service_that_is_away_while_a_list_is_read_waits_for_it(
    mosquitto_cloud, device, service, tmp_path, prefix
):
    """mosquitto forgets the access list of who is away when it reads its files again."""
    other = new_device(mosquitto_cloud, f"dev-f{len(prefix)}", tmp_path)
    async with connect(mosquitto_cloud, service, clean_session=False) as client:
        await client.subscribe(f"{prefix}fieldrec/v1/+/events", qos=1)
    async with connect(mosquitto_cloud, device) as sender:
        async with connect(mosquitto_cloud, other) as victim:
            revoke(mosquitto_cloud, other)
            await ended(victim)  # the list is in force
        await sender.publish(topics.topic("dev-a", "events"), b"meanwhile", qos=1)
    async with connect(mosquitto_cloud, service, clean_session=False) as client:
        assert (await receive(client)).payload == b"meanwhile"
        await client.unsubscribe(f"{prefix}fieldrec/v1/+/events")


def test_keeper_ends_when_mosquitto_does(mosquitto_cloud):
    broker = broker_of(mosquitto_cloud)
    tasks = Path(f"/proc/{broker.process.pid}/task").glob("*/children")
    (child,) = "".join(task.read_text() for task in tasks).split()
    os.kill(int(child), signal.SIGKILL)
    assert mosquitto_cloud.first_death(WITHIN_S).name == "broker"
    broker.stop()
    broker.start()


def test_rules_name_each_process_of_a_service_and_the_devices_by_pattern():
    names = [client["username"] for client in mosquitto.roles(["ota"])["clients"]]
    assert (names[0], names[-1], len(names)) == ("service-ota", "service-ota-16", 16)
    lines = mosquitto.rules().splitlines()
    assert "pattern write fieldrec/v1/%u/jobs/+/update" in lines
    assert "pattern read fieldrec/v1/%u/config/desired" in lines
    assert len([line for line in lines if line.startswith("pattern")]) == len(topics.TOPICS)
