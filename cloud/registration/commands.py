"""Commands: asked of devices, sent while they are online, and again until they answer or time is over."""

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from psycopg.types.json import Jsonb
from pydantic import BaseModel, ConfigDict, Field

from cloud.access import OPERATE, READ
from cloud.bus import Bus, BusDown
from cloud.db import Connection, Pool, audit
from cloud.registration.fields import DeviceId, ForDevices
from cloud.registration.known import lock_devices
from cloud.web import Refused, utc_text

SENT_AT_ONCE = 500
AGAIN_AFTER = timedelta(seconds=60)
SHOWN = 100
EXPIRES_S = 3600

router = APIRouter()


class NewCommand(ForDevices):
    command: Literal["reboot", "identify", "rotate-cert", "send-log"]  # wire.topics.COMMANDS
    expires_s: Annotated[int, Field(ge=10, le=30 * 24 * 3600)] = EXPIRES_S


class Result(BaseModel):
    """What a command brings beside its status is kept as it is."""

    model_config = ConfigDict(extra="allow")

    v: Literal[1]
    id: Annotated[str, Field(pattern=r"^[0-9]{1,18}$")]
    status: Literal["SUCCEEDED", "FAILED", "REJECTED"]
    detail: Annotated[str, Field(max_length=500)] = ""


@router.post("/v1/commands", status_code=201, dependencies=OPERATE)
async def ask(asked: NewCommand, request: Request) -> dict:
    """{"commands": {device: id}}."""
    state, now = request.app.state, request.app.state.clock()
    who, expires = request.state.who.name, now + timedelta(seconds=asked.expires_s)
    async with state.pool.connection() as connection:
        await lock_devices(connection, asked.ids, in_service=True)
        rows = await connection.execute(
            "INSERT INTO commands (device_id, name, asked_by, created_at, expires_at)"
            " SELECT DISTINCT id, %s, %s, %s::timestamptz, %s::timestamptz FROM unnest(%s::text[]) AS d (id)"
            " RETURNING id, device_id",
            [asked.command, who, now, expires, asked.ids],
        )
        ids = {row["device_id"]: row["id"] for row in await rows.fetchall()}
        for device, number in ids.items():
            await audit(
                connection, now, who, "command.asked", f"device:{device}", f"{asked.command} {number}"
            )
    state.control.wake.set()
    return {"commands": ids, "expires": utc_text(expires)}


@router.get("/v1/devices/{device_id}/commands", dependencies=READ)
async def commands(device_id: DeviceId, request: Request) -> dict:
    """The last ones, the newest first."""
    async with request.app.state.pool.connection() as connection:
        rows = await connection.execute(
            f"SELECT {_COLUMNS} FROM commands WHERE device_id = %s ORDER BY id DESC LIMIT %s",
            [device_id, SHOWN],
        )
        return {"commands": await rows.fetchall()}


@router.get("/v1/commands/{number}", dependencies=READ)
async def command(number: Annotated[int, Field(ge=1, le=2**63 - 1)], request: Request) -> dict:
    async with request.app.state.pool.connection() as connection:
        rows = await connection.execute(f"SELECT {_COLUMNS} FROM commands WHERE id = %s", [number])
        row = await rows.fetchone()
    if row is None:
        raise Refused(404, f"there is no command {number}")
    return row


async def send(pool: Pool, bus: Bus, now: datetime) -> bool:
    """End what has expired, send what waits for devices that are online; whether there may be more."""
    async with pool.connection() as connection:
        await connection.execute(_EXPIRE, {"now": now})
        rows = await connection.execute(
            _ADMIT, {"now": now, "again": now - AGAIN_AFTER, "most": SENT_AT_ONCE}
        )
        due = await rows.fetchall()
    sent = await asyncio.gather(*(_publish(bus, row) for row in due))
    if failed := [row["id"] for row, done in zip(due, sent, strict=True) if not done]:
        async with pool.connection() as connection:
            await connection.execute(
                "UPDATE commands SET sent_at = NULL WHERE id = ANY(%s) AND status = 'QUEUED'", [failed]
            )
    return len(due) == SENT_AT_ONCE and not failed


async def _publish(bus: Bus, row: dict) -> bool:
    message = {"id": str(row["id"]), "expires": utc_text(row["expires_at"])}
    try:
        await bus.publish(row["device_id"], f"commands/{row['name']}", message)
    except BusDown:
        return False
    return True


async def store(connection: Connection, device: str, name: str, result: Result, now: datetime) -> bool:
    """False if the device was not asked, or the command has ended."""
    more = {name: value for name, value in (result.model_extra or {}).items()}
    done = await connection.execute(
        "UPDATE commands SET status = %s, detail = %s, result = %s, ended_at = %s"
        " WHERE id = %s AND device_id = %s AND name = %s AND status = 'QUEUED'",
        [
            result.status,
            result.detail,
            Jsonb(more) if more else None,
            now,
            int(result.id),
            device,
            name,
        ],
    )
    if done.rowcount:
        why = f"{name} {result.id}: {result.detail}"
        await audit(connection, now, f"device:{device}", f"command.{result.status}", f"device:{device}", why)
    return bool(done.rowcount)


_COLUMNS = "id, device_id AS device, name, status, detail, result, asked_by, created_at, expires_at, sent_at, ended_at"
_EXPIRE = """
UPDATE commands SET status = 'TIMED_OUT', ended_at = %(now)s,
    detail = CASE WHEN sent_at IS NULL THEN 'the device was not online' ELSE 'the device did not answer' END
WHERE status = 'QUEUED' AND expires_at <= %(now)s
"""
_ADMIT = """
UPDATE commands SET sent_at = %(now)s
WHERE id IN (
    SELECT c.id FROM commands c JOIN presence p ON p.device_id = c.device_id
    WHERE c.status = 'QUEUED' AND p.online AND (c.sent_at IS NULL OR c.sent_at <= %(again)s)
    ORDER BY c.id LIMIT %(most)s FOR UPDATE OF c SKIP LOCKED)
RETURNING id, device_id, name, expires_at
"""
