"""What the cloud knows of its devices, their groups and labels, and the end of their service."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from cloud.access import ADMINISTER, OPERATE, READ
from cloud.db import NO_NUL, Connection, audit
from cloud.registration import certificates
from cloud.registration.fields import Board, ForDevices, Group, LabelName, LabelValue, Version, Why
from cloud.registration.known import lock_devices
from cloud.registration.states import states_of
from cloud.web import Refused, utc_text

PAGE_MAX = 1000
EVENTS_SHOWN = 50
LABELS_MAX = 16

router = APIRouter()


class Wanted(BaseModel, extra="forbid"):
    """Which devices, page by page. `label` is NAME=VALUE, or NAME for any value; all that are given must hold."""

    after: Annotated[str, Field(max_length=64, pattern=NO_NUL)] = ""
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 100
    board: Board | None = None
    version: Version | None = None
    group: Group | None = None
    label: Annotated[
        list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]{0,31}(=[^\x00-\x1f]{0,64})?$")]],
        Field(max_length=LABELS_MAX),
    ] = []
    decommissioned: bool = False


class Marks(ForDevices):
    """What is left out stays as it is; a label with null is taken off."""

    group: Group | None = None
    labels: Annotated[dict[LabelName, LabelValue | None], Field(max_length=LABELS_MAX)] = Field(
        default_factory=dict
    )


class Decommission(ForDevices):
    why: Why = ""


@router.get("/v1/devices", dependencies=READ)
async def devices(request: Request, wanted: Annotated[Wanted, Query()]) -> dict:
    """A page of devices in order of their ids; `next` is the `after` of the following page, or null."""
    state = request.app.state
    async with state.pool.connection() as connection:
        rows = await connection.execute(_DEVICES, _parameters(wanted))
        found = await rows.fetchall()
    page = found[: wanted.limit]
    states = await states_of([row["id"] for row in page], state.cache, state.pool)
    shown = [_shown(row, states[row["id"]]) for row in page]
    return {"devices": shown, "next": page[-1]["id"] if len(found) > wanted.limit else None}


@router.get("/v1/devices/{device_id}", dependencies=READ)
async def device(device_id: str, request: Request) -> dict:
    state = request.app.state
    async with state.pool.connection() as connection:
        row = await (await connection.execute(_DEVICE, [_known(device_id)])).fetchone()
        if row is None:
            raise Refused(404, f"no device {device_id!r} is enrolled")
        found = await connection.execute(
            "SELECT serial, issued_at, expires_at, used_at, revoked_at, revoked_why FROM certificates"
            " WHERE device_id = %s ORDER BY issued_at DESC",
            [device_id],
        )
        events = await connection.execute(
            "SELECT received_at, body FROM events WHERE device_id = %s ORDER BY id DESC LIMIT %s",
            [device_id, EVENTS_SHOWN],
        )
        more = {"certificates": await found.fetchall(), "events": await events.fetchall()}
    states = await states_of([device_id], state.cache, state.pool)
    return {**_shown(row, states[device_id]), **more}


@router.get("/v1/groups", dependencies=READ)
async def groups(request: Request) -> dict:
    """How many devices in service are in each group; "" are those in none."""
    async with request.app.state.pool.connection() as connection:
        rows = await connection.execute(
            "SELECT group_name AS name, count(*) AS devices FROM devices WHERE decommissioned_at IS NULL"
            " GROUP BY group_name ORDER BY group_name"
        )
        return {"groups": await rows.fetchall()}


@router.post("/v1/marks", dependencies=OPERATE)
async def mark(asked: Marks, request: Request) -> dict:
    """Put devices into a group, label them."""
    state, now = request.app.state, request.app.state.clock()
    async with state.pool.connection() as connection:
        await lock_devices(connection, asked.ids)
        before = await _marks(connection, asked)
        if asked.group is not None:
            await connection.execute(
                "UPDATE devices SET group_name = %s WHERE id = ANY(%s)", [asked.group, asked.ids]
            )
        await _label(connection, asked)
        words = [
            f"{name}={value}" if value is not None else f"no {name}" for name, value in asked.labels.items()
        ]
        words += [f"group {asked.group!r}"] if asked.group is not None else []
        why, who, after = ", ".join(words), request.state.who.name, await _marks(connection, asked)
        for each in sorted(set(asked.ids)):
            await audit(
                connection, now, who, "device.marked", f"device:{each}", why, before[each], after[each]
            )
    return {"devices": len(set(asked.ids))}


@router.post("/v1/decommissions", dependencies=ADMINISTER)
async def decommission(asked: Decommission, request: Request) -> dict:
    """Out of service for good: certificates revoked, claims and commands void. A new claim takes it back."""
    state, now = request.app.state, request.app.state.clock()
    async with state.pool.connection() as connection:
        await lock_devices(connection, asked.ids)
        for statement in _DECOMMISSION:
            await connection.execute(statement, {"now": now, "ids": asked.ids})
        revoked = await certificates.revoke(connection, now, asked.ids, "decommissioned")
        for each in asked.ids:
            who = request.state.who.name
            change = {"in_service": True}, {"in_service": False}
            await audit(connection, now, who, "device.decommissioned", f"device:{each}", asked.why, *change)
    state.lists.wake.set()
    return {"devices": len(set(asked.ids)), "revoked": revoked}


async def _marks(connection: Connection, asked: Marks) -> dict[str, dict]:
    """{device: its group and labels, of what is asked to be changed}."""
    rows = await connection.execute(_MARKS, [list(asked.labels), asked.ids])
    return {
        row["id"]: ({"group": row["group_name"]} if asked.group is not None else {})
        | {"labels": row["labels"]}
        for row in await rows.fetchall()
    }


async def _label(connection: Connection, asked: Marks) -> None:
    off = [name for name, value in asked.labels.items() if value is None]
    on = {name: value for name, value in asked.labels.items() if value is not None}
    await connection.execute(
        "DELETE FROM device_labels WHERE device_id = ANY(%s) AND name = ANY(%s)", [asked.ids, off]
    )
    await connection.execute(
        "INSERT INTO device_labels (device_id, name, value)"
        " SELECT DISTINCT d.id, l.name, l.value"
        " FROM unnest(%s::text[]) AS d (id), unnest(%s::text[], %s::text[]) AS l (name, value)"
        " ON CONFLICT (device_id, name) DO UPDATE SET value = EXCLUDED.value",
        [asked.ids, list(on), list(on.values())],
    )


def _known(device_id: str) -> str:
    """PostgreSQL's text has no NUL, so no such device is enrolled."""
    if "\0" in device_id:
        raise Refused(404, f"no device {device_id!r} is enrolled")
    return device_id


def _parameters(wanted: Wanted) -> dict:
    labels = [each.partition("=") for each in wanted.label]
    return {
        **wanted.model_dump(exclude={"label", "limit"}),
        "limit": wanted.limit + 1,
        "names": [name for name, _, _ in labels],
        "values": [value if equals else None for _, equals, value in labels],
    }


def _shown(row: dict, state: dict) -> dict:
    presence = state["presence"] or {"online": False, "since": None}
    gone = row["decommissioned_at"]
    return {
        "id": row["id"],
        "board": row["board"],
        "versions": {"app": row["app_version"], "runtime": row["runtime_version"]},
        "group": row["group_name"],
        "labels": row["labels"],
        "enrolled_at": utc_text(row["enrolled_at"]),
        "decommissioned_at": utc_text(gone) if gone else None,
        "online": presence["online"],
        "since": presence["since"],
        "heartbeat": state["heartbeat"],
    }


_SHOWN = """
SELECT d.*, (SELECT coalesce(jsonb_object_agg(name, value), '{}') FROM device_labels WHERE device_id = d.id)
    AS labels
FROM devices d
"""
_DEVICE = f"{_SHOWN} WHERE d.id = %s"
_DEVICES = f"""
{_SHOWN}
WHERE d.id > %(after)s
    AND (%(board)s::text IS NULL OR d.board = %(board)s)
    AND (%(version)s::text IS NULL OR d.app_version = %(version)s)
    AND (%(group)s::text IS NULL OR d.group_name = %(group)s)
    AND (d.decommissioned_at IS NOT NULL) = %(decommissioned)s
    AND NOT EXISTS (
        SELECT FROM unnest(%(names)s::text[], %(values)s::text[]) AS w (name, value)
        WHERE NOT EXISTS (SELECT FROM device_labels l WHERE l.device_id = d.id AND l.name = w.name
            AND (w.value IS NULL OR l.value = w.value)))
ORDER BY d.id
LIMIT %(limit)s
"""
_MARKS = """
SELECT d.id, d.group_name, (SELECT coalesce(jsonb_object_agg(name, value), '{}') FROM device_labels
    WHERE device_id = d.id AND name = ANY(%s)) AS labels
FROM devices d WHERE d.id = ANY(%s)
"""
_DECOMMISSION = (
    "UPDATE devices SET decommissioned_at = coalesce(decommissioned_at, %(now)s) WHERE id = ANY(%(ids)s)",
    "UPDATE claims SET expires_at = %(now)s"
    " WHERE device_id = ANY(%(ids)s) AND used_at IS NULL AND expires_at > %(now)s",
    "UPDATE commands SET status = 'CANCELED', ended_at = %(now)s, detail = 'device decommissioned'"
    " WHERE device_id = ANY(%(ids)s) AND status = 'QUEUED'",
)
