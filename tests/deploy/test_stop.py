"""SIGTERM: what was begun is finished, what was taken is committed and acknowledged, the lead is given up."""

import asyncio
import signal
import time
from dataclasses import replace

import httpx
import psycopg
import pytest

from cloud.ota.leader import LEASE_S
from cloud.registration import app as registration
from tests.cloud.fleet import WAIT_S, release_file, serving
from tests.deploy.processes import Fleet, Process

pytestmark = pytest.mark.long

BEATS = 40
_WAITING = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'INSERT INTO heartbeats'"


async def start(*processes: Process) -> None:
    await asyncio.gather(*(asyncio.to_thread(each.start) for each in processes))


def told_to_stop(process: Process) -> None:
    assert process.process
    process.process.send_signal(signal.SIGTERM)


async def ended(process: Process) -> None:
    assert process.process
    assert await asyncio.to_thread(process.process.wait, WAIT_S) in (0, -signal.SIGTERM)
    assert process.complaints() == []


async def refuses(process: Process) -> None:
    """Until nobody listens any more."""
    async with asyncio.timeout(WAIT_S), process.client() as client:
        while True:
            try:
                await client.get("/health")
            except httpx.TransportError:
                return


async def until_one_leads(*processes: Process) -> Process:
    async with asyncio.timeout(WAIT_S):
        while True:
            for each in processes:
                async with each.client() as client:
                    if (await client.get("/health")).json()["leader"]:
                        return each


async def test_an_upload_is_finished_and_the_next_one_leads_at_once(fleet: Fleet):
    await start(first := fleet.process("ota"), second := fleet.process("ota", 2))
    leads = await until_one_leads(first, second)
    other = second if leads is first else first
    content = release_file(fleet.folder, fleet.release_key, fill=bytes(100)).read_bytes()
    half_sent, go_on = asyncio.Event(), asyncio.Event()

    async def body():
        yield content[: len(content) // 2]
        half_sent.set()
        await go_on.wait()
        yield content[len(content) // 2 :]

    async with leads.client() as client:
        upload = asyncio.create_task(client.post("/v1/releases", content=body()))
        await half_sent.wait()
        told_to_stop(leads)
        await refuses(leads)
        go_on.set()
        answer = await upload
    assert answer.status_code == 201, answer.text
    begun = time.monotonic()
    await ended(leads)
    assert await until_one_leads(other) is other
    assert time.monotonic() - begun < LEASE_S / 2  # a lease that had to run out would take longer


@pytest.fixture
def held(fleet: Fleet):
    """A connection in which a table can be held."""
    with psycopg.connect(fleet.database_url) as connection:
        yield connection


async def test_a_batch_is_committed_and_acknowledged(fleet: Fleet, held):
    await start(process := fleet.process("registration"))
    async with process.client() as fleet.registration:
        device = await fleet.device()
        await device.heartbeat(uptime_s=0)
        await fleet.until(lambda rows: len(rows) == 1, "SELECT FROM heartbeats")
        held.execute("LOCK TABLE heartbeats IN EXCLUSIVE MODE")
        for number in range(1, BEATS):
            await device.heartbeat(uptime_s=number)
        await fleet.until(lambda rows: bool(rows), _WAITING)
        told_to_stop(process)
        await refuses(process)
        held.rollback()
        await ended(process)
    committed = len(await fleet.rows("SELECT FROM heartbeats"))
    assert committed > 1
    await start(process)
    rows = await fleet.until(lambda rows: len(rows) >= BEATS, "SELECT uptime_s FROM heartbeats")
    await device.heartbeat(uptime_s=BEATS)  # behind all that the broker may have sent again
    rows = await fleet.until(lambda rows: len(rows) > BEATS, "SELECT uptime_s FROM heartbeats")
    assert sorted(row["uptime_s"] for row in rows) == list(range(BEATS + 1))


async def test_all_but_the_first_give_their_share_back(fleet: Fleet):
    await fleet.start_registration()
    devices = await fleet.devices(3)
    second = registration.create_app(replace(fleet._as("registration"), instance="2"), fleet.clock)

    async def beat(device, first: int) -> None:
        for number in range(first, first + BEATS):
            await device.heartbeat(uptime_s=number)

    async with serving(second):
        await asyncio.gather(*(beat(device, 0) for device in devices))
        after = [asyncio.create_task(beat(device, BEATS)) for device in devices]  # while it goes
    await asyncio.gather(*after)
    rows = await fleet.until(
        lambda rows: len(rows) >= 6 * BEATS, "SELECT device_id, uptime_s FROM heartbeats"
    )
    assert {(row["device_id"], row["uptime_s"]) for row in rows} == {
        (device.id, number) for device in devices for number in range(2 * BEATS)
    }  # some may be there twice: what was at work when its share was given back is sent once more
