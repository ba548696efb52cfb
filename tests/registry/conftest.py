"""The registration service in this process on real stores, and devices that enrol, and come by TLS and MQTT."""

import asyncio

import pytest

from tests.cloud import conftest
from tests.cloud.conftest import database_url
from tests.cloud.fleet import WAIT_S, Cloud

__all__ = ["database_url"]

connected = conftest.registration


@pytest.fixture
async def registration(connected: Cloud) -> Cloud:
    async with asyncio.timeout(WAIT_S):
        await connected.registration_app.state.control_bus.connected.wait()
    return connected
