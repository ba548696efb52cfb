"""Presence, heartbeats and events: from the bus into PostgreSQL in batches, and the last state into Redis."""

import logging
from collections import Counter
from dataclasses import dataclass
from datetime import UTC

import psycopg
from psycopg.types.json import Jsonb
from pydantic import BaseModel, ValidationError

from cloud.bus import Message
from cloud.changes import Tell, nobody
from cloud.db import Pool
from cloud.observe import metrics
from cloud.registration.history import History
from cloud.registration.messages import MODELS
from cloud.registration.states import StateCache
from cloud.web import Clock

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Told:
    """One checked message, as what goes into its table."""

    device: str
    name: str
    body: dict


class Telemetry:
    """`handle` takes batches from the bus. `dropped` counts by name what was not fit to be stored."""

    def __init__(self, pool: Pool, cache: StateCache, history: History, clock: Clock, tell: Tell = nobody):
        self.dropped: Counter[str] = Counter()
        self._pool, self._cache, self._history, self._clock = pool, cache, history, clock
        self._tell = tell

    async def handle(self, batch: list[Message]) -> None:
        told = [each for each in map(self._read, batch) if each]
        try:
            await self._store_in_its_day(told)
        except (
            psycopg.DataError
        ):  # PostgreSQL takes less than JSON (NUL in text): find the one, keep the rest
            told = [each for each in told if await self._store_one(each)]
        await self._cache.remember(
            (each.device, each.name, each.body) for each in told if each.name in STATES
        )
        self._tell("device", {each.device for each in told})

    def _read(self, message: Message) -> Told | None:
        model = MODELS[message.name]
        try:
            body = model.model_validate_json(message.payload)
        except ValidationError as error:
            self._drop(
                message.device, message.name, str(error.errors(include_url=False, include_input=False)[:1])
            )
            return None
        return Told(message.device, message.name, self._row(body))

    def _row(self, body: BaseModel) -> dict:
        return {**body.model_dump(mode="json"), "received_at": self._clock().isoformat()}

    async def _store_one(self, told: Told) -> bool:
        try:
            await self._store([told])
        except psycopg.DataError as error:
            self._drop(told.device, told.name, str(error))
            return False
        return True

    async def _store_in_its_day(self, told: list[Told]) -> None:
        """Also if the day's table is not there yet, or the clock was set on by days."""
        try:
            await self._store(told)
        except psycopg.errors.CheckViolation:
            today = self._clock().astimezone(UTC).date()
            await self._history.make(today, today)
            await self._store(told)

    def _drop(self, device: str, name: str, why: str) -> None:
        self.dropped[name] += 1
        metrics.UNFIT.labels(name).inc()
        log.warning("dropped a %s of %s: %.200s", name, device, why)

    async def _store(self, told: list[Told]) -> None:
        """All of it or nothing, in a handful of statements, however large the batch."""
        async with self._pool.connection() as connection:
            for name, statement, rows_of in STATEMENTS:
                rows = [{"device_id": each.device, **each.body} for each in told if each.name == name]
                if rows:
                    await connection.execute(statement, [Jsonb(rows_of(rows))])


def _last(rows: list[dict]) -> list[dict]:
    """The last of each device, in the order of devices: two services at once can't deadlock."""
    return sorted({row["device_id"]: row for row in rows}.values(), key=lambda row: row["device_id"])


def _last_versions(rows: list[dict]) -> list[dict]:
    return [{"device_id": row["device_id"], "versions": row["versions"]} for row in _last(rows)]


STATES = ("presence", "heartbeat")  # what a device's last state is made of

_INSERT_HEARTBEATS = """
INSERT INTO heartbeats (device_id, received_at, state, vbat_mv, soc_pct, temp_decic, app_version,
                        runtime_version, slot, uptime_s, mem_free, counters, fault)
SELECT device_id, received_at, state, vbat_mv, soc_pct, temp_decic, versions->>'app', versions->>'runtime',
       slot, uptime_s, mem_free, counters, fault
FROM jsonb_to_recordset(%s) AS h (device_id text, received_at timestamptz, state text, vbat_mv integer,
    soc_pct integer, temp_decic integer, versions jsonb, slot text, uptime_s bigint, mem_free bigint,
    counters jsonb, fault text)
"""

_UPDATE_VERSIONS = """
UPDATE devices d SET app_version = h.versions->>'app', runtime_version = h.versions->>'runtime'
FROM jsonb_to_recordset(%s) AS h (device_id text, versions jsonb)
WHERE d.id = h.device_id
    AND (d.app_version, d.runtime_version) <> (h.versions->>'app', h.versions->>'runtime')
"""

# What lists and charts go by, and only if it would be seen there: most heartbeats change nothing of it.
_UPSERT_STATES = """
INSERT INTO device_states AS s (device_id, state, vbat_mv, soc_pct, temp_decic, slot, received_at)
SELECT device_id, state, vbat_mv, soc_pct, temp_decic, slot, received_at
FROM jsonb_to_recordset(%s) AS h (device_id text, state text, vbat_mv integer, soc_pct integer, temp_decic integer,
    slot text, received_at timestamptz)
ON CONFLICT (device_id) DO UPDATE
    SET state = EXCLUDED.state, vbat_mv = EXCLUDED.vbat_mv, soc_pct = EXCLUDED.soc_pct,
        temp_decic = EXCLUDED.temp_decic, slot = EXCLUDED.slot, received_at = EXCLUDED.received_at
    WHERE (s.state, s.slot, s.soc_pct) IS DISTINCT FROM (EXCLUDED.state, EXCLUDED.slot, EXCLUDED.soc_pct)
        OR s.vbat_mv / 50 IS DISTINCT FROM EXCLUDED.vbat_mv / 50
        OR s.temp_decic / 10 IS DISTINCT FROM EXCLUDED.temp_decic / 10
        OR s.received_at < EXCLUDED.received_at - interval '15 minutes'
"""

_UPSERT_PRESENCE = """
INSERT INTO presence (device_id, online, since, received_at)
SELECT device_id, online, since, received_at
FROM jsonb_to_recordset(%s) AS p (device_id text, online boolean, since timestamptz, received_at timestamptz)
ON CONFLICT (device_id) DO UPDATE
    SET online = EXCLUDED.online, since = EXCLUDED.since, received_at = EXCLUDED.received_at
"""

_INSERT_EVENTS = """
INSERT INTO events (device_id, received_at, kind, body)
SELECT e->>'device_id', (e->>'received_at')::timestamptz, e->>'kind', e - 'device_id' - 'received_at'
FROM jsonb_array_elements(%s) AS e
"""

STATEMENTS = (
    ("heartbeat", _INSERT_HEARTBEATS, list),
    ("heartbeat", _UPDATE_VERSIONS, _last_versions),
    ("heartbeat", _UPSERT_STATES, _last),
    ("presence", _UPSERT_PRESENCE, _last),
    ("events", _INSERT_EVENTS, list),
)
