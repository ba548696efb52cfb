"""A database and the OTA service's parts for each test, on stores of the session."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cloud.processes import Cloud as Stores
from tests.campaigns.lab import Lab
from tests.campaigns.lab import lab as open_lab
from tests.cloud.conftest import database_url

__all__ = ["database_url"]  # fixtures, for the tests here


@pytest.fixture
async def lab(cloud_stores: Stores, database_url: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with open_lab(cloud_stores, database_url, tmp_path) as opened:
        yield opened
