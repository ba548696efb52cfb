"""What the size of the fleet costs: campaign start and job poll with ten thousand and with a million device rows."""

import asyncio
import secrets
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from cloud.processes import Cloud
from tests.campaigns.lab import Lab, lab
from tests.cloud_fixtures import running_cloud

Row = tuple[str, str, str, str]

_FLEETS = (10_000, 1_000_000)
_POLLS = 300
_TENTH_ONLINE = 10


def measure() -> Iterator[Row]:
    """campaigns"""
    few, many = _seconds()
    for what, seconds in many.items():
        beside = f"{_FLEETS[0]:,} devices: {_text(few[what])}"
        yield f"{what}, {_FLEETS[1]:,} devices", _text(seconds), beside, f"{seconds / few[what]:.2f}"


def _seconds() -> list[dict[str, float]]:
    """For each size of fleet."""
    with running_cloud(durable=True) as cloud:
        return [asyncio.run(_measure(cloud, _database(cloud), cloud.data, devices)) for devices in _FLEETS]


def _database(cloud: Cloud) -> str:
    """URL of an empty one."""
    main, name = cloud.settings.postgres_url, f"bench_{secrets.token_hex(4)}"
    with psycopg.connect(main, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{main.rsplit('/', 1)[0]}/{name}"


def _text(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.2f} ms"


async def _measure(cloud: Cloud, url: str, folder: Path, devices: int) -> dict[str, float]:
    """Seconds, by what they were taken for."""
    async with lab(cloud, url, folder) as bench:
        await _fill(bench, devices)
        release = await bench.release()
        groups = [{"name": "canary", "count": 10}, {"name": "rest", "share": 1.0}]
        asked = {"release": release, "groups": groups}
        found = {}
        started = time.perf_counter()
        await bench.post("/v1/campaigns/dry-run", asked)
        found["dry run"] = time.perf_counter() - started
        started = time.perf_counter()
        campaign = (await bench.post("/v1/campaigns", asked, 201))["id"]
        await bench.tick()
        canaries = await bench.active(campaign)
        found["campaign start, until the canary's jobs are there"] = time.perf_counter() - started
        assert len(canaries) == 10
        await bench.end(campaign, *["SUCCEEDED"] * 10)
        started = time.perf_counter()
        more = await bench.tick()
        found["first 10,000 or more jobs of the group that is the rest"] = time.perf_counter() - started
        while more:
            more = await bench.tick()
        jobs = await bench.rows(
            "SELECT device_id FROM jobs WHERE status = 'QUEUED' ORDER BY random() LIMIT 300"
        )
        assert (await bench.counts(campaign))[1] == {"QUEUED": devices - 10}
        found["job poll, all jobs made"] = await _poll(bench, [row["device_id"] for row in jobs])
        started = time.perf_counter()
        await bench.tick()
        found["tick with nothing to do, all jobs made"] = time.perf_counter() - started
        return found


async def _fill(bench: Lab, devices: int) -> None:
    await bench.run(_DEVICES, bench.clock(), devices)
    await bench.run(_PRESENCE, _TENTH_ONLINE, bench.clock(), devices)
    await bench.run("ANALYZE")


async def _poll(bench: Lab, devices: list[str]) -> float:
    """Median seconds until a device's job is found, URL and all."""
    took = []
    for device in devices:
        started = time.perf_counter()
        assert await bench.handed_out(device)
        took.append(time.perf_counter() - started)
    return statistics.median(took)


_DEVICES = """
INSERT INTO devices (id, board, app_version, runtime_version, enrolled_at)
SELECT 'dev-' || lpad(n::text, 7, '0'), 'virtual', '1.0.0', '1.26.0', %s FROM generate_series(1, %s) n
"""

_PRESENCE = """
INSERT INTO presence SELECT 'dev-' || lpad(n::text, 7, '0'), n %% %s = 0, NULL, %s FROM generate_series(1, %s) n
"""
