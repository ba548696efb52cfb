"""A cloud whose services run in processes of their own and send their traces to a collector here."""

import ssl
from collections.abc import Iterator

import httpx
import pytest

from cloud.processes import Cloud
from tests.cloud_fixtures import running_cloud
from tests.fleet.conftest import new_fleet
from tests.observe.collector import Collector, collecting

__all__ = ["new_fleet"]  # a fixture, for the tests here


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="session")
def cloud(collector: Collector) -> Iterator[Cloud]:
    given = {"FIELDREC_TRACES_URL": collector.url}
    with running_cloud("registration", "ota", "dashboard", given=given) as cloud:
        yield cloud


def client(cloud: Cloud, service: str, token: str = "") -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token or cloud.admin_token}"}
    trusted = ssl.create_default_context(cafile=cloud.ca)
    return httpx.AsyncClient(base_url=cloud.urls[service], verify=trusted, headers=headers, trust_env=False)
