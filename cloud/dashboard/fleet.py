"""The fleet counted, and lists of devices by filter."""

import asyncio
import time
from datetime import datetime
from typing import Any

from cloud.dashboard import reads
from cloud.dashboard.context import Context
from cloud.dashboard.schema.fleet import Bin, Count, DeviceFilter, Fleet, LabelCount
from cloud.dashboard.schema.words import text
from cloud.db import Pool
from cloud.web import Clock

COUNTED_MAX = 10_000  # further than this a list is not counted
FRESH_S = 0.5
REST = (
    4  # a count is kept so many times as long as it took: counting is at most a fifth of a connection's work
)
WAITED_FOR_S = 0.2  # one that takes longer is not waited for where there is an older one
NAMES_MAX = 50  # of versions, groups and so on
PERCENT_STEP, DEGREES_STEP = 10, 5


class Counter:
    """Counts once for all who ask together. A large fleet is counted while who asks gets the count before."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool, self._clock = pool, clock
        self._last: Fleet | None = None
        self._labels: list[LabelCount] = []
        self._took_s = self._until = self._began = 0.0
        self._task: asyncio.Task[Fleet] | None = None

    async def get(self) -> Fleet:
        if self._task is None and time.monotonic() >= self._until:
            self._begin()
        if self._task is None or (self._last and self._took_s > WAITED_FOR_S):
            assert self._last
            return self._last
        return await asyncio.shield(self._task)

    async def labels(self) -> list[LabelCount]:
        """The labels that there are, counted with the fleet, the most frequent first."""
        await self.get()
        return self._labels

    async def fresh(self) -> Fleet:
        """A count that begins only now, or when it may: after a change, there may be no other that tells of it."""
        asked = time.monotonic()
        while self._last is None or self._began < asked:
            if self._task is None:
                await asyncio.sleep(max(0, self._until - time.monotonic()))
            if self._task is None:  # not begun by another meanwhile
                self._begin()
            assert self._task
            await asyncio.shield(self._task)
        return self._last

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._count(), name="count of the fleet")

    async def aclose(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _count(self) -> Fleet:
        started = time.monotonic()
        try:
            async with self._pool.connection() as connection:
                await connection.execute(_MEMORY)
                rows = await (await connection.execute(_COUNTS, {"now": self._clock()})).fetchall()
                labels = await (await connection.execute(reads.LABELS_COUNTED)).fetchall()
            self._labels = [LabelCount(**row) for row in labels]
            self._last, self._began = _fleet(rows, self._clock()), started
            return self._last
        finally:
            self._took_s = time.monotonic() - started
            self._until = time.monotonic() + max(FRESH_S, REST * self._took_s)
            self._task = None


async def counted(state: Any) -> Fleet:
    return await state.fleet.get()


async def counted_anew(state: Any) -> Fleet:
    return await state.fleet.fresh()


async def listed(context: Context, filter: DeviceFilter, after: str | None, limit: int) -> list[dict]:
    """Rows of reads.DEVICES behind the id `after`, in order of their ids."""
    conditions, params = _selects(filter)
    if after is not None:
        conditions.append("d.id > %(after)s")
    found = f"SELECT d.id FROM devices d WHERE {' AND '.join(conditions)} ORDER BY d.id LIMIT %(limit)s"
    statement = f"{reads.DEVICES} WHERE d.id = ANY(ARRAY({found})) ORDER BY d.id"
    return await context.rows(statement, params | {"after": after, "limit": limit})


async def how_many(context: Context, filter: DeviceFilter) -> int:
    """One more than COUNTED_MAX stands for any larger number."""
    conditions, params = _selects(filter)
    statement = (
        "SELECT count(*) AS n FROM"
        f" (SELECT FROM devices d WHERE {' AND '.join(conditions)} LIMIT %(limit)s) some_of_them"
    )
    (row,) = await context.rows(statement, params | {"limit": COUNTED_MAX + 1})
    return row["n"]


def _selects(filter: DeviceFilter) -> tuple[list[str], dict[str, Any]]:
    """Conditions on `devices d`, of what is asked for only, and their parameters."""
    conditions = [_IN_SERVICE[filter.decommissioned]]
    params: dict[str, Any] = {}
    for name, condition in _CONDITIONS.items():
        value = getattr(filter, name)
        if value is not None:
            conditions.append(condition)
            params[name] = text(value) if isinstance(value, str) else value
    if filter.online is not None:
        conditions.append(f"{'' if filter.online else 'NOT '}{_ONLINE}")
    for number, label in enumerate(filter.labels or []):
        conditions.append(
            _LABEL.format(number=number, value=_VALUE.format(number=number) if label.value else "")
        )
        params |= {f"name{number}": text(label.name), f"value{number}": text(label.value)}
    return conditions, params


def _fleet(rows: list[dict], now: datetime) -> Fleet:
    by: dict[str, list[dict]] = {}
    for row in rows:
        by.setdefault(row["what"], []).append(row)
    sums: dict[str, Any] = {
        what: by[what][0]["devices"] for what in ("total", "online", "enrolled_last_day", "decommissioned")
    }
    names: dict[str, Any] = {
        what: _names(by.get(what, []))
        for what in ("states", "app_versions", "runtime_versions", "boards", "groups")
    }
    return Fleet(
        as_of=now,
        **sums,
        **names,
        battery_pct=_bins(by.get("battery_pct", []), PERCENT_STEP),
        temp_c=_bins(by.get("temp_c", []), DEGREES_STEP),
    )


def _names(rows: list[dict]) -> list[Count]:
    ordered = sorted(rows, key=lambda row: (-row["devices"], row["name"]))
    return [Count(name=row["name"], devices=row["devices"]) for row in ordered[:NAMES_MAX]]


def _bins(rows: list[dict], step: int) -> list[Bin]:
    """In order, and without a gap."""
    found = {int(row["name"]): row["devices"] for row in rows}
    if not found:
        return []
    return [
        Bin(low=each * step, high=(each + 1) * step, devices=found.get(each, 0))
        for each in range(min(found), max(found) + 1)
    ]


# What is out of service is little; asked for so, the ids alone are read from their index.
_GONE = "EXISTS (SELECT FROM devices x WHERE x.id = d.id AND x.decommissioned_at IS NOT NULL)"
_IN_SERVICE = {False: f"NOT {_GONE}", True: "d.decommissioned_at IS NOT NULL"}
_ONLINE = "EXISTS (SELECT FROM presence p WHERE p.device_id = d.id AND p.online)"
_CONDITIONS = {
    "text": "strpos(d.id, %(text)s) > 0",
    "ids": "d.id = ANY(%(ids)s)",
    "group": "d.group_name = %(group)s",
    "board": "d.board = %(board)s",
    "app_version": "d.app_version = %(app_version)s",
    "runtime_version": "d.runtime_version = %(runtime_version)s",
    "state": "EXISTS (SELECT FROM device_states s WHERE s.device_id = d.id AND s.state = %(state)s)",
}
_LABEL = "EXISTS (SELECT FROM device_labels l WHERE l.device_id = d.id AND l.name = %(name{number})s{value})"
_VALUE = " AND l.value = %(value{number})s"

_MEMORY = "SET LOCAL work_mem = '64MB'"  # a million devices are joined without going to disk

# In two steps: many devices are alike in all that is counted, and the first step can be done by several workers.
_COUNTS = """
WITH alike AS MATERIALIZED (
    SELECT d.board, d.app_version, d.runtime_version, d.group_name, coalesce(p.online, false) AS online,
        CASE WHEN p.online THEN coalesce(s.state, '') END AS state,
        least(greatest(s.soc_pct, 0) / 10, 9) AS battery,
        least(greatest(floor(s.temp_decic / 50.0), -8), 20)::integer AS temp,
        count(*) AS n, count(*) FILTER (WHERE d.enrolled_at > %(now)s::timestamptz - interval '1 day') AS fresh
    FROM devices d
    LEFT JOIN presence p ON p.device_id = d.id
    LEFT JOIN device_states s ON s.device_id = d.id
    WHERE d.decommissioned_at IS NULL
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
)
SELECT what, name, n::integer AS devices FROM (
    SELECT 'total' AS what, '' AS name, coalesce(sum(n), 0) AS n FROM alike
    UNION ALL SELECT 'online', '', coalesce(sum(n) FILTER (WHERE online), 0) FROM alike
    UNION ALL SELECT 'enrolled_last_day', '', coalesce(sum(fresh), 0) FROM alike
    UNION ALL SELECT 'decommissioned', '', count(*) FROM devices WHERE decommissioned_at IS NOT NULL
    UNION ALL SELECT 'states', state, sum(n) FROM alike WHERE online GROUP BY state
    UNION ALL SELECT 'boards', board, sum(n) FROM alike GROUP BY board
    UNION ALL SELECT 'app_versions', app_version, sum(n) FROM alike GROUP BY app_version
    UNION ALL SELECT 'runtime_versions', runtime_version, sum(n) FROM alike GROUP BY runtime_version
    UNION ALL SELECT 'groups', group_name, sum(n) FROM alike GROUP BY group_name
    UNION ALL SELECT 'battery_pct', battery::text, sum(n) FROM alike WHERE battery IS NOT NULL GROUP BY battery
    UNION ALL SELECT 'temp_c', temp::text, sum(n) FROM alike WHERE temp IS NOT NULL GROUP BY temp
) counts
"""
