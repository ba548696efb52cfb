"""Stores and mosquitto for a session; an empty database for each test, in the one the broker's keeper knows."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest

from cloud.processes import Cloud as Stores
from tests.cloud_fixtures import cloud_of_pairs
from tests.deploy.processes import Fleet


@pytest.fixture(scope="session")
def stores() -> Iterator[Stores]:
    with cloud_of_pairs() as running:
        yield running


@pytest.fixture
async def fleet(stores: Stores, tmp_path: Path) -> AsyncIterator[Fleet]:
    with psycopg.connect(stores.settings.postgres_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    async with AsyncExitStack() as stack:
        yield Fleet(stores, tmp_path, stack)
