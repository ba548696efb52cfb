"""Stores and mosquitto for a session; an empty database for each test, in the one the broker's keeper knows."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from cloud.processes import Cloud as Stores
from tests import databases
from tests.cloud_fixtures import cloud_of_pairs
from tests.deploy.processes import Fleet


@pytest.fixture(scope="session")
def stores() -> Iterator[Stores]:
    with cloud_of_pairs() as running:
        yield running


@pytest.fixture
async def fleet(stores: Stores, tmp_path: Path) -> AsyncIterator[Fleet]:
    databases.clear(stores)
    async with AsyncExitStack() as stack:
        yield Fleet(stores, tmp_path, stack)
