"""On the stores of the session: a database, and both services, for each test."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from cloud.processes import Cloud as Stores
from tests import databases
from tests.cloud.fleet import Cloud


@pytest.fixture
def database_url(cloud_stores: Stores) -> Iterator[str]:
    """Of a database with all its tables, empty ones."""
    with databases.migrated(cloud_stores) as url:
        yield url


@pytest.fixture
def empty_database_url(cloud_stores: Stores) -> Iterator[str]:
    with databases.empty(cloud_stores) as url:
        yield url


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
