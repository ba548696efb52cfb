"""The history of heartbeats: a table a day in UTC, made ahead, and dropped when it is old enough.

A dropped table costs nothing, where deleting its rows would cost as much as writing them did.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import psycopg
from psycopg import sql

from cloud.db import Connection, Pool
from cloud.web import Clock

DAYS_AHEAD = 3
LOOK_EVERY_S = 3600.0
_LOCK = 0x68656172  # "hear"; one process at a time changes the tables

log = logging.getLogger(__name__)


class History:
    """`run` keeps the tables; `make` makes those that an insert has found missing."""

    def __init__(self, pool: Pool, clock: Clock, days: Callable[[], int]):
        """`days`: how many whole days are kept, asked for each time."""
        self._pool, self._clock, self._days = pool, clock, days

    async def run(self) -> None:
        while True:
            try:
                await self.keep()
            except psycopg.Error as error:
                log.error("tables of heartbeats not kept up, again in %.0f s: %s", LOOK_EVERY_S, error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def keep(self) -> None:
        """Make the tables of the days to come, drop those that lie wholly before the days to keep."""
        today = self._clock().astimezone(UTC).date()
        await self.make(today, today + timedelta(days=DAYS_AHEAD))
        await self.drop(today - timedelta(days=self._days()))

    async def make(self, first: date, last: date) -> None:
        """The tables of these days, both included; the ones that are there are left alone."""
        async with self._pool.connection() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            ends = await _ends(connection)
            for day in (first + timedelta(days=n) for n in range((last - first).days + 1)):
                if _midnight(day) >= max(ends.values()):
                    await self._make(connection, max(ends.values()), day)
                    ends[_name(day)] = _midnight(day + timedelta(days=1))

    async def _make(self, connection: Connection, begin: datetime, day: date) -> None:
        """From where the last one ends: no gap, also after days in which nobody made any."""
        create = sql.SQL("CREATE TABLE {} PARTITION OF heartbeats FOR VALUES FROM ({}) TO ({})")
        end = _midnight(day + timedelta(days=1)).isoformat()
        await connection.execute(create.format(sql.Identifier(_name(day)), begin.isoformat(), end))
        log.info("made the table %s", _name(day))

    async def drop(self, before: date) -> list[str]:
        """Tables that end at or before the midnight with which `before` begins; returns their names."""
        async with self._pool.connection() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            ends = await _ends(connection)
            latest = max(ends, key=lambda name: ends[name])
            old = [name for name, end in ends.items() if end <= _midnight(before) and name != latest]
            for name in old:
                await connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
        if old:
            log.info("dropped heartbeats from before %s: %s", before, ", ".join(sorted(old)))
        return old


async def _ends(connection: Connection) -> dict[str, datetime]:
    """{table: the moment before which its heartbeats are}."""
    rows = await (await connection.execute(_ENDS)).fetchall()
    return {row["name"]: row["ends"] for row in rows}


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _name(day: date) -> str:
    return f"heartbeats_{day:%Y%m%d}"


_ENDS = """
SELECT c.relname AS name,
    (regexp_match(pg_get_expr(c.relpartbound, c.oid), $$TO \\('([^']+)'\\)$$))[1]::timestamptz AS ends
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'heartbeats'::regclass
"""
