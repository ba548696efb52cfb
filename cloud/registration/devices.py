"""What the cloud knows of its devices."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from cloud.registration.states import states_of
from cloud.web import ADMIN, Refused, utc_text

PAGE_MAX = 1000
EVENTS_SHOWN = 50

router = APIRouter(dependencies=ADMIN)


@router.get("/v1/devices")
async def devices(
    request: Request, after: str = "", limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100
) -> dict:
    """A page of devices in order of their ids; `next` is the `after` of the following page, or null."""
    state = request.app.state
    async with state.pool.connection() as connection:
        rows = await connection.execute(
            "SELECT * FROM devices WHERE id > %s ORDER BY id LIMIT %s", [after, limit + 1]
        )
        found = await rows.fetchall()
    page = found[:limit]
    states = await states_of([row["id"] for row in page], state.cache, state.pool)
    shown = [_shown(row, states[row["id"]]) for row in page]
    return {"devices": shown, "next": page[-1]["id"] if len(found) > limit else None}


@router.get("/v1/devices/{device_id}")
async def device(device_id: str, request: Request) -> dict:
    state = request.app.state
    async with state.pool.connection() as connection:
        row = await (await connection.execute("SELECT * FROM devices WHERE id = %s", [device_id])).fetchone()
        if row is None:
            raise Refused(404, f"no device {device_id!r} is enrolled")
        certificates = await connection.execute(
            "SELECT serial, issued_at, expires_at, revoked_at FROM certificates WHERE device_id = %s"
            " ORDER BY issued_at DESC",
            [device_id],
        )
        events = await connection.execute(
            "SELECT received_at, body FROM events WHERE device_id = %s ORDER BY id DESC LIMIT %s",
            [device_id, EVENTS_SHOWN],
        )
        more = {"certificates": await certificates.fetchall(), "events": await events.fetchall()}
    states = await states_of([device_id], state.cache, state.pool)
    return {**_shown(row, states[device_id]), **more}


def _shown(row: dict, state: dict) -> dict:
    presence = state["presence"] or {"online": False, "since": None}
    return {
        "id": row["id"],
        "board": row["board"],
        "versions": {"app": row["app_version"], "runtime": row["runtime_version"]},
        "enrolled_at": utc_text(row["enrolled_at"]),
        "online": presence["online"],
        "since": presence["since"],
        "heartbeat": state["heartbeat"],
    }
