"""A rolling upgrade: the oldest program that may go on and this one, side by side on the migrated database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from cloud.embedded.python import ROOT
from tests.deploy import versions
from tests.deploy.processes import Fleet, Process
from tests.deploy.test_stop import ended, start, told_to_stop

pytestmark = pytest.mark.long

DEVICES, BEATS = 4, 30
SERVICES = ("registration", "ota")


@pytest.fixture(scope="module")
def old_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if words := versions.missing():
        pytest.skip(words)
    return versions.code(versions.commit(), tmp_path_factory.mktemp("old"))


async def test_old_and_new_side_by_side(fleet: Fleet, old_code: Path):
    old = {service: fleet.process(service, 1, old_code) for service in SERVICES}
    new = {service: fleet.process(service, 2) for service in SERVICES}
    await start(*old.values())
    (before,) = await fleet.rows("SELECT max(version) AS last FROM migrations")
    async with clients(old) as was, clients(new) as now:
        fleet.registration, fleet.ota = was["registration"], was["ota"]
        devices = await fleet.devices(DEVICES)
        campaign = await fleet.campaign(await fleet.release(), devices)
        (job,) = await fleet.until(lambda rows: bool(rows), "SELECT device_id FROM jobs")
        canary, *rest = sorted(devices, key=lambda device: device.id != job["device_id"])
        beating = asyncio.create_task(beat(devices, 0))
        await start(*new.values())  # migrates beneath the old ones, which are at work
        await asyncio.gather(canary.update(), beating)
        (after,) = await fleet.rows("SELECT max(version) AS last FROM migrations")
        assert after["last"] == int(versions.last_migration().name[:4]) >= before["last"]
        await all_beats(fleet, devices, BEATS)
        await both_serve(fleet, was, now)

        fleet.registration, fleet.ota = now["registration"], now["ota"]
        await replaced(fleet, old)
        await beat(devices, BEATS)
        await all_beats(fleet, devices, 2 * BEATS)
        await asyncio.gather(*(device.update() for device in rest))
        read = await fleet.until_campaign(campaign, "SUCCEEDED")
        assert [group["jobs"] for group in read["groups"]] == [{"SUCCEEDED": 1}, {"SUCCEEDED": DEVICES - 1}]
    assert [line for each in (*old.values(), *new.values()) for line in each.complaints()] == []


@asynccontextmanager
async def clients(processes: dict[str, Process]) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    async with processes["registration"].client() as registration, processes["ota"].client() as ota:
        yield {"registration": registration, "ota": ota}


async def both_serve(
    fleet: Fleet, was: dict[str, httpx.AsyncClient], now: dict[str, httpx.AsyncClient]
) -> None:
    """A device is enrolled by either, and what the old ones say, the new ones say as well."""
    for registration in (was["registration"], now["registration"]):
        fleet.registration = registration
        await fleet.device()
    for service, path in readable():
        old, new = await was[service].get(path), await now[service].get(path)
        if old.status_code == 404:
            continue  # the old one has no such path
        assert (old.status_code, new.status_code) == (200, 200), (path, old.text, new.text)
        if old.headers["content-type"] == "application/json":
            assert old.json().keys() <= new.json().keys(), path


def readable() -> list[tuple[str, str]]:
    """(service, path) of what can be read without naming something."""
    rows = [line.split() for line in (ROOT / "tests/api/access.txt").read_text().splitlines()]
    known = [row for row in rows if len(row) == 4 and row[:1] != ["#"] and row[1] in SERVICES]
    return [
        (row[1], row[3])
        for row in known
        if row[0] in ("open", "read") and row[2] == "GET" and "{" not in row[3]
    ]


async def replaced(fleet: Fleet, old: dict[str, Process]) -> None:
    """The old ones are stopped, and the first of each service comes back as it is now."""
    for each in old.values():
        told_to_stop(each)
    for each in old.values():
        await ended(each)
    await start(*(fleet.process(service) for service in SERVICES))


async def beat(devices, first: int) -> None:
    for number in range(first, first + BEATS):
        await asyncio.gather(*(device.heartbeat(uptime_s=number) for device in devices))


async def all_beats(fleet: Fleet, devices, count: int) -> None:
    """Each was stored, and once."""
    ids = [device.id for device in devices]
    rows = await fleet.until(lambda rows: len(rows) >= len(ids) * count, _BEATS, ids)
    assert [(row["device_id"], row["uptime_s"]) for row in rows] == [
        (device, number) for device in sorted(ids) for number in range(count)
    ]


_BEATS = """
SELECT device_id, uptime_s FROM heartbeats WHERE device_id = ANY(%s) AND (app_version, uptime_s) <> ('1.1.0', 60)
ORDER BY 1, 2
"""
