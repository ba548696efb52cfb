"""Both services and the dashboard in this process, on a database of its own, and somebody of each role."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from cloud.processes import Cloud as Stores
from tests.cloud.conftest import database_url
from tests.dashboard.lab import Lab

__all__ = ["database_url"]  # fixtures, for the tests here


@pytest.fixture
async def lab(cloud_stores: Stores, database_url: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with AsyncExitStack() as stack:
        lab = Lab(cloud_stores, database_url, tmp_path, stack)
        await lab.start()
        yield lab
