"""Real PostgreSQL, Valkey, etcd and broker for a session; a database, and both services, for each test."""

import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from fleet import Clock, Cloud

from cloud import pki
from cloud.embedded.broker import Broker
from cloud.embedded.etcd import Etcd
from cloud.embedded.postgres import Postgres
from cloud.embedded.redis import Redis
from cloud.settings import Settings
from tools import keys

TOKEN = "t" * 40
SERVICES = ("registration", "ota")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _write(path: Path, content: bytes) -> Path:
    pki.write_secret(path, content)
    return path


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="fieldrec-test-"))
    path.chmod(0o755)  # PostgreSQL runs as another user if we are root
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def session_settings(folder: Path) -> Iterator[Settings]:
    """The servers are up while this lasts."""
    ca = pki.make_authority()
    files = {"ca.pem": pki.pem(ca.certificate), "ca.key": pki.key_pem(ca.key), "token": TOKEN.encode()}
    files["tls.pem"], files["tls.key"] = pki.server_certificate(ca, ("127.0.0.1",))
    for name in SERVICES:
        files[f"service-{name}.pem"], files[f"service-{name}.key"] = pki.service_certificate(ca, name)
    files["objects.key"] = os.urandom(32)
    paths = {name: _write(folder / name, content) for name, content in files.items()}
    keys.new(folder / "keys", ("app", "runtime"))
    ports = _free_ports(8)
    client = (paths["service-ota.pem"], paths["service-ota.key"])
    postgres = Postgres(folder, ports[0], "secret", durable=False)
    valkey = Redis(folder, ports[1], "secret")
    etcd = Etcd(folder, ports[2], ports[3], durable=False)
    broker = Broker(folder, ports[4], paths["tls.pem"], paths["tls.key"], paths["ca.pem"], client)
    started = []
    try:
        for server in (postgres, valkey, etcd, broker):
            server.start()
            started.append(server)
        yield Settings(
            postgres_url=postgres.url, redis_url=valkey.url, etcd_url=etcd.url,
            mqtt_port=broker.port, mqtt_cert=client[0], mqtt_key=client[1],
            ca_cert=paths["ca.pem"], ca_key=paths["ca.key"],
            tls_cert=paths["tls.pem"], tls_key=paths["tls.key"],
            objects_url=f"file://{folder}/objects", objects_public_url=f"https://127.0.0.1:{ports[5]}",
            objects_key_file=paths["objects.key"], admin_token_file=paths["token"],
            roots=folder / "keys/roots.json", keyring=folder / "keys/keyring.json",
            registration_port=ports[6], ota_port=ports[7],
        )  # fmt: skip
    finally:
        for server in reversed(started):
            server.stop()


@pytest.fixture
def settings(session_settings: Settings, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """With an empty database."""
    name = f"test_{abs(hash(request.node.nodeid))}"
    server = session_settings.postgres_url.rsplit("/", 1)[0]
    with psycopg.connect(session_settings.postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield replace(session_settings, postgres_url=f"{server}/{name}")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def cloud(settings: Settings, folder: Path, tmp_path: Path) -> AsyncIterator[Cloud]:
    """Both services in this process, connected."""
    async with AsyncExitStack() as stack:
        cloud = Cloud(settings, folder / "keys", tmp_path, Clock(), stack)
        await cloud.start_registration()
        await cloud.start_ota()
        yield cloud
