"""Heartbeats are kept in a table a day: what was there before stays, and goes when it is old."""

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from cloud.db import MIGRATIONS, database, migrate
from cloud.registration.history import DAYS_AHEAD, History
from tests.cloud.fleet import Clock

DAYS = 30
_TABLES = "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'heartbeats'::regclass"
_INSERT = """
INSERT INTO heartbeats (device_id, received_at, state, app_version, runtime_version, slot, uptime_s, mem_free,
    counters) VALUES (%s, %s, 'IDLE', '1.0.0', '1.26.0', 'a', 1, 1, '{}')
"""


async def tables(connection) -> list[str]:
    return sorted(row["name"] for row in await (await connection.execute(_TABLES)).fetchall())


def days_from(first: datetime, count: int) -> list[str]:
    return [f"heartbeats_{first + timedelta(days=n):%Y%m%d}" for n in range(count)]


async def test_migration_of_a_database_with_heartbeats_loses_none(empty_database_url, tmp_path: Path):
    now = datetime.now(UTC)
    at = [now - timedelta(days=400), now - timedelta(days=1), now, now + timedelta(days=2)]
    for file in MIGRATIONS.glob("000[1-5]_*.sql"):
        shutil.copy(file, tmp_path)
    async with await psycopg.AsyncConnection.connect(empty_database_url, row_factory=dict_row) as connection:
        await migrate(connection, tmp_path)
        for moment in at:
            await connection.execute(_INSERT, ["dev-old", moment])
        assert 6 in await migrate(connection)
        rows = await (await connection.execute("SELECT received_at FROM heartbeats ORDER BY 1")).fetchall()
        assert [row["received_at"] for row in rows] == at
        assert await tables(connection) == ["heartbeats_first"]
        with pytest.raises(psycopg.errors.CheckViolation):  # its days end with the last that was in it
            await connection.execute(_INSERT, ["dev-new", now + timedelta(days=3)])


async def test_tables_are_made_ahead_by_one_of_many_and_dropped_when_old(database_url):
    clock = Clock()
    async with database(database_url) as pool:
        history = [History(pool, clock, lambda: DAYS) for _ in range(3)]
        await asyncio.gather(*(each.keep() for each in history))
        tomorrow = clock() + timedelta(days=1)
        async with pool.connection() as connection:
            assert await tables(connection) == sorted([*days_from(tomorrow, DAYS_AHEAD), "heartbeats_first"])
        clock.ahead = timedelta(days=DAYS + 2)
        await history[0].keep()
        async with pool.connection() as connection:
            left = await tables(connection)
    # The first and tomorrow's have ended more than 30 days before; the gap belongs to the next one made.
    assert left == sorted([*days_from(tomorrow, DAYS_AHEAD)[1:], *days_from(clock(), DAYS_AHEAD + 1)])


async def test_retention_is_asked_for_each_time_and_the_last_table_stays(database_url):
    clock, days = Clock(), DAYS
    async with database(database_url) as pool:
        history = History(pool, clock, lambda: days)
        await history.keep()
        clock.ahead = timedelta(days=3)
        assert await history.drop(clock().date() - timedelta(days=days)) == []
        days = 1
        await history.keep()
        async with pool.connection() as connection:
            assert "heartbeats_first" not in await tables(connection)
            clock.ahead = timedelta(days=1000)
            await history.drop(clock().date())
            assert len(await tables(connection)) == 1


async def test_heartbeat_of_a_day_without_a_table_is_stored(registration):
    device = await registration.device()
    registration.clock.ahead = timedelta(days=20)
    await device.heartbeat(uptime_s=1)
    rows = await registration.until(
        lambda rows: rows, "SELECT received_at FROM heartbeats WHERE device_id = %s", device.id
    )
    assert rows[0]["received_at"].date() == registration.clock().date()
    told = (await registration.registration.get(f"/v1/devices/{device.id}")).json()
    assert told["heartbeat"]["uptime_s"] == 1
