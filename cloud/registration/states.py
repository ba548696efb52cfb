"""The last state of each device: Redis first, PostgreSQL behind it. Without Redis it is only slower."""

import json
import logging
from collections.abc import Iterable

import redis.asyncio as redis
from redis.exceptions import RedisError

from cloud.db import Pool

TTL_S = 300  # a few heartbeats; what is not there is read from PostgreSQL
TIMEOUT_S = 1.0
FIELDS = ("presence", "heartbeat")

log = logging.getLogger(__name__)


class StateCache:
    """A Redis hash for each device, with a JSON text for each of FIELDS."""

    def __init__(self, url: str):
        self._redis = redis.from_url(
            url, decode_responses=True, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        )

    async def aclose(self) -> None:
        await self._redis.aclose()

    async def remember(self, told: Iterable[tuple[str, str, dict]]) -> None:
        """Keep the last of each (device, field, body)."""
        await self._write("hset", {(device, field): body for device, field, body in told})

    async def fill(self, states: dict[str, dict]) -> None:
        """Put back what was read from PostgreSQL, but never over something newer."""
        await self._write(
            "hsetnx", {(d, field): state[field] for d, state in states.items() for field in FIELDS}
        )

    async def get(self, devices: list[str]) -> dict[str, dict]:
        """{device: {field: body}} of those that are here whole."""
        pipe = self._redis.pipeline(transaction=False)
        for device in devices:
            pipe.hmget(_key(device), *FIELDS)
        try:
            rows = await pipe.execute()
        except RedisError as error:
            log.warning("Redis is not answering (%s), reading from PostgreSQL", error)
            return {}
        whole = {device: row for device, row in zip(devices, rows, strict=True) if None not in row}
        return {device: dict(zip(FIELDS, map(json.loads, row), strict=True)) for device, row in whole.items()}

    async def _write(self, command: str, values: dict[tuple[str, str], dict | None]) -> None:
        """In one call for the whole batch: a command and an answer for each costs more than all else here."""
        if not values:
            return
        keys = [_key(device) for device, _ in values]
        words = [word for (_, field), body in values.items() for word in (field, json.dumps(body))]
        try:
            await self._redis.eval(_WRITE, len(keys), *keys, command, str(TTL_S), *words)
        except RedisError as error:
            log.warning("Redis did not take %d states: %s", len(values), error)


async def states_of(devices: list[str], cache: StateCache, pool: Pool) -> dict[str, dict]:
    """{device: {"presence": ..., "heartbeat": ...}}, None where it never said anything."""
    found = await cache.get(devices)
    if missing := [device for device in devices if device not in found]:
        read = await _read(missing, pool)
        await cache.fill(read)
        found |= read
    return found


async def _read(devices: list[str], pool: Pool) -> dict[str, dict]:
    async with pool.connection() as connection:
        rows = await connection.execute(_STATES, [devices])
        return {row["id"]: {field: row[field] for field in FIELDS} for row in await rows.fetchall()}


def _key(device: str) -> str:
    return f"fieldrec:v1:state:{device}"


_WRITE = """
for i, key in ipairs(KEYS) do
    redis.call(ARGV[1], key, ARGV[2 * i + 1], ARGV[2 * i + 2])
    redis.call('expire', key, ARGV[2])
end
"""

_STATES = """
SELECT d.id,
    (SELECT jsonb_build_object('v', 1, 'online', online, 'since', since, 'received_at', received_at)
     FROM presence WHERE device_id = d.id) AS presence,
    (SELECT jsonb_build_object('v', 1, 'state', state, 'vbat_mv', vbat_mv, 'soc_pct', soc_pct,
        'temp_decic', temp_decic, 'slot', slot, 'uptime_s', uptime_s, 'mem_free', mem_free,
        'counters', counters, 'fault', fault,
        'versions', jsonb_build_object('app', app_version, 'runtime', runtime_version),
        'received_at', received_at)
     FROM heartbeats WHERE device_id = d.id ORDER BY received_at DESC LIMIT 1) AS heartbeat
FROM unnest(%s::text[]) AS d (id)
"""
