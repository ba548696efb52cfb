"""Twins: what a device's settings should be, kept for it by the broker, and what it says of them."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from psycopg.types.json import Jsonb
from pydantic import AfterValidator, BaseModel, Field

from cloud.access import OPERATE, READ
from cloud.bus import Bus, BusDown
from cloud.db import NO_NUL, Connection, Pool, audit
from cloud.registration.fields import DeviceId, ForDevices
from cloud.registration.known import lock_devices
from cloud.web import Refused
from wire import topics

SETTINGS_MAX = 64
SENT_AT_ONCE = 200
_SENDER = 0x7477696E  # "twin"; of several processes one sends, so that no older version overtakes a newer
_INT53 = 2**53 - 1

router = APIRouter()


def _of_the_cloud(name: str) -> str:
    if name in topics.LOCAL_SETTINGS:
        raise ValueError(f"{name} is set at the device alone")
    return name


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Text = Annotated[str, Field(max_length=64, pattern=NO_NUL)]
Number = Annotated[int, Field(ge=-_INT53, le=_INT53)]
Value = bool | Number | Text


class Desired(ForDevices):
    """Merged into what was desired before; null lets a device keep what it has. With `version`: only if it is that."""

    settings: Annotated[
        dict[Annotated[Name, AfterValidator(_of_the_cloud)], Value | None],
        Field(min_length=1, max_length=SETTINGS_MAX),
    ]
    version: Annotated[int, Field(ge=0, le=_INT53)] | None = None


class Reported(BaseModel):
    """All settings of a device that are no secret, and why it took some of the desired ones not."""

    v: Literal[1]
    version: Number
    settings: Annotated[dict[Name, Value], Field(max_length=SETTINGS_MAX)]
    refused: Annotated[
        dict[Name, Annotated[str, Field(max_length=200, pattern=NO_NUL)]],
        Field(max_length=SETTINGS_MAX),
    ] = {}


@router.get("/v1/devices/{device_id}/config", dependencies=READ)
async def twin(device_id: DeviceId, request: Request) -> dict:
    async with request.app.state.pool.connection() as connection:
        row = await (await connection.execute(_TWIN, [device_id])).fetchone()
    if row is None:
        raise Refused(404, f"no device {device_id!r} is enrolled")
    return row


@router.post("/v1/configs", dependencies=OPERATE)
async def desire(asked: Desired, request: Request) -> dict:
    """{"versions": {device: version}}; they are sent at once, and wait for devices that are offline."""
    state, now = request.app.state, request.app.state.clock()
    async with state.pool.connection() as connection:
        await lock_devices(connection, asked.ids, in_service=True)
        rows = await connection.execute(
            "SELECT device_id, desired FROM twins WHERE device_id = ANY(%s)", [asked.ids]
        )
        before = {row["device_id"]: row["desired"] for row in await rows.fetchall()}
        rows = await connection.execute(
            _DESIRE,
            {"ids": asked.ids, "settings": Jsonb(asked.settings), "now": now, "version": asked.version},
        )
        after = {row["device_id"]: row for row in await rows.fetchall()}
        versions = {device: row["version"] for device, row in after.items()}
        if late := sorted(set(asked.ids) - set(versions)):
            raise Refused(409, f"not at version {asked.version}: {', '.join(late[:5])}; read it again")
        words = _words(asked.settings)
        for device in versions:
            who = request.state.who.name
            change = before.get(device, {}), after[device]["desired"]
            await audit(connection, now, who, "config.desired", f"device:{device}", words, *change)
    state.control.wake.set()
    return {"versions": versions}


def _words(settings: dict) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items())


async def send(pool: Pool, bus: Bus) -> bool:
    """Give the broker what devices should have, retained; whether there may be more."""
    async with pool.connection() as connection:
        lock = await connection.execute("SELECT pg_try_advisory_xact_lock(%s) AS mine", [_SENDER])
        if not (await lock.fetchall())[0]["mine"]:
            return False
        rows = await connection.execute(
            "SELECT device_id, desired, version FROM twins WHERE sent_version < version LIMIT %s",
            [SENT_AT_ONCE],
        )
        waiting = await rows.fetchall()
        for row in waiting:
            try:
                message = {"version": row["version"], "settings": row["desired"]}
                await bus.publish(row["device_id"], "config/desired", message, retain=True)
            except BusDown:
                return False  # it is tried again
            await connection.execute(
                "UPDATE twins SET sent_version = %s WHERE device_id = %s", [row["version"], row["device_id"]]
            )
    return len(waiting) == SENT_AT_ONCE


async def store(connection: Connection, device: str, reported: Reported, now) -> None:
    """One that says that it has an older version than it should is sent the newer once more.

    The broker has lost it, or the two messages crossed.
    """
    await connection.execute(
        _REPORT,
        {
            "device": device,
            "settings": Jsonb(reported.settings),
            "refused": Jsonb(reported.refused),
            "version": reported.version,
            "now": now,
        },
    )


_TWIN = """
SELECT d.id AS device, coalesce(t.version, 0) AS version, coalesce(t.desired, '{}') AS desired, t.desired_at,
    coalesce(t.reported_version, 0) AS reported_version, coalesce(t.reported, '{}') AS reported,
    coalesce(t.refused, '{}') AS refused, t.reported_at,
    coalesce(t.reported_version >= t.version, true) AS settled
FROM devices d LEFT JOIN twins t ON t.device_id = d.id
WHERE d.id = %s
"""
_DESIRE = """
INSERT INTO twins AS t (device_id, desired, version, desired_at)
SELECT DISTINCT d.id, jsonb_strip_nulls(%(settings)s), 1, %(now)s::timestamptz
FROM unnest(%(ids)s::text[]) AS d (id)
LEFT JOIN twins old ON old.device_id = d.id
WHERE %(version)s::bigint IS NULL OR coalesce(old.version, 0) = %(version)s
ON CONFLICT (device_id) DO UPDATE SET desired = jsonb_strip_nulls(t.desired || %(settings)s),
    version = t.version + 1, desired_at = EXCLUDED.desired_at
RETURNING device_id, version, desired
"""
_REPORT = """
INSERT INTO twins AS t (device_id, reported, reported_version, refused, reported_at)
SELECT id, %(settings)s, %(version)s, %(refused)s, %(now)s FROM devices WHERE id = %(device)s
ON CONFLICT (device_id) DO UPDATE SET reported = EXCLUDED.reported,
    reported_version = EXCLUDED.reported_version, refused = EXCLUDED.refused, reported_at = EXCLUDED.reported_at,
    sent_version = CASE WHEN EXCLUDED.reported_version < t.version THEN 0 ELSE t.sent_version END
"""
