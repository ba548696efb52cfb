"""Real PostgreSQL, Valkey, etcd and broker for a session; a database, and both services, for each test."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest

from cloud.processes import Cloud as Stores
from tests.cloud.fleet import Cloud
from tests.cloud_fixtures import cloud_stores

__all__ = ["cloud_stores"]  # a fixture, for the tests here


@pytest.fixture
def database_url(cloud_stores: Stores) -> Iterator[str]:
    """Of an empty database."""
    main, name = cloud_stores.settings.postgres_url, f"test_{secrets.token_hex(6)}"
    with psycopg.connect(main, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield f"{main.rsplit('/', 1)[0]}/{name}"
    with psycopg.connect(main, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def registration(cloud_stores: Stores, database_url: str, tmp_path: Path) -> AsyncIterator[Cloud]:
    """The registration service in this process, connected; no OTA service yet."""
    async with AsyncExitStack() as stack:
        cloud = Cloud(cloud_stores, database_url, tmp_path, stack)
        await cloud.start_registration()
        yield cloud


@pytest.fixture
async def cloud(registration: Cloud) -> Cloud:
    """Both services in this process, connected."""
    await registration.start_ota()
    return registration
