"""Two processes of each service behind mosquitto: they divide what comes, and nothing is lost when one goes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from cloud.processes import Cloud as Stores
from cloud.registration import app as registration
from tests import databases
from tests.cloud.fleet import Cloud, serving
from tests.cloud_fixtures import cloud_of_pairs

DEVICES, BEATS = 4, 50


@pytest.fixture(scope="module")
def stores() -> Iterator[Stores]:
    with cloud_of_pairs() as running:
        yield running


@pytest.fixture
async def cloud(stores: Stores, tmp_path: Path) -> AsyncIterator[Cloud]:
    """Both services once; the database is the embedded one's own, so that the broker's keeper sees it."""
    databases.clear(stores)
    async with AsyncExitStack() as stack:
        cloud = Cloud(stores, stores.settings.postgres_url, tmp_path, stack)
        await cloud.start_registration()
        await cloud.start_ota()
        yield cloud


def second(cloud: Cloud, retire: bool = False):
    settings = replace(cloud._as("registration"), instance="2", retire=retire)
    return registration.create_app(settings, cloud.clock)


async def beat(device, first: int) -> None:
    for number in range(first, first + BEATS):
        await device.heartbeat(uptime_s=number)


async def beats_of(cloud, device, count: int) -> list[int]:
    rows = await cloud.until(
        lambda rows: len(rows) >= count, "SELECT uptime_s FROM heartbeats WHERE device_id = %s", device.id
    )
    return sorted(row["uptime_s"] for row in rows)


async def test_two_processes_share_and_each_heartbeat_is_stored_once(cloud):
    app = second(cloud)
    taken = {"first": 0, "second": 0}
    devices = await cloud.devices(DEVICES)
    async with serving(app):
        _count(cloud.registration_app, taken, "first")
        _count(app, taken, "second")
        app.state.bus._leaves = False  # as if it were killed
        await asyncio.gather(*(beat(device, 0) for device in devices))
        for device in devices:
            assert await beats_of(cloud, device, BEATS) == list(range(BEATS))
        presence = await cloud.rows("SELECT device_id FROM presence WHERE online")
        assert {row["device_id"] for row in presence} == {device.id for device in devices}
    assert taken["first"] > DEVICES * BEATS / 4 and taken["second"] > DEVICES * BEATS / 4
    # What came for the second while it was away waits for it; once it is retired, all goes to the first.
    await asyncio.gather(*(beat(device, BEATS) for device in devices))
    async with serving(second(cloud, retire=True)):
        for device in devices:
            assert await beats_of(cloud, device, 2 * BEATS) == list(range(2 * BEATS))
    await asyncio.gather(*(beat(device, 2 * BEATS) for device in devices))
    for device in devices:
        assert await beats_of(cloud, device, 3 * BEATS) == list(range(3 * BEATS))


def _count(app, taken: dict[str, int], who: str) -> None:
    """Of the heartbeats that go through a running app's hands."""
    inner = app.state.bus._handle

    async def handle(batch):
        taken[who] += sum(message.name == "heartbeat" for message in batch)
        await inner(batch)

    app.state.bus._handle = handle


async def test_campaign_runs_through_mosquitto(cloud):
    devices = await cloud.devices(2)
    campaign = await cloud.campaign(await cloud.release(), devices)
    await asyncio.gather(*(device.update() for device in devices))
    read = await cloud.until_campaign(campaign, "SUCCEEDED")
    assert [group["jobs"] for group in read["groups"]] == [{"SUCCEEDED": 1}, {"SUCCEEDED": 1}]


async def test_revocation_over_http_ends_the_session(cloud):
    device, neighbour = await cloud.devices(2)
    answer = await cloud.registration.post("/v1/revocations", json={"ids": [device.id], "why": "stolen"})
    assert answer.status_code in (200, 201, 204), answer.text
    await cloud.until(
        lambda rows: rows and not rows[0]["online"],
        "SELECT online FROM presence WHERE device_id = %s",
        device.id,
    )
    await neighbour.heartbeat()
    assert await beats_of(cloud, neighbour, 1) == [60]


async def test_emptied_cache_under_load_costs_nothing_but_time(cloud):
    devices = await cloud.devices(DEVICES)
    cache = cloud.registration_app.state.cache._redis

    async def empty() -> None:
        for _ in range(20):
            await cache.flushall()
            told = (await cloud.registration.get("/v1/devices")).json()["devices"]
            assert {each["id"]: each["online"] for each in told} == {device.id: True for device in devices}

    await asyncio.gather(empty(), *(beat(device, 0) for device in devices))
    for device in devices:
        assert await beats_of(cloud, device, BEATS) == list(range(BEATS))
        await cloud.until(
            lambda rows: rows,
            "SELECT FROM heartbeats WHERE device_id = %s AND uptime_s = %s",
            device.id,
            BEATS - 1,
        )
        told = (await cloud.registration.get(f"/v1/devices/{device.id}")).json()
        assert told["heartbeat"]["uptime_s"] == BEATS - 1
