"""Target tokens: how a device that speaks nothing but DDI becomes one of ours. Shown once, when made."""

import secrets
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import AfterValidator, BaseModel, Field

from cloud import pki
from cloud.access import ADMINISTER, READ, token_hash
from cloud.db import NO_NUL, audit
from cloud.web import Refused, utc_text

PAGE = 1000

router = APIRouter(prefix="/v1/targets")


def _device_id(text: str) -> str:
    pki.check_device_id(text)
    return text


DeviceId = Annotated[str, AfterValidator(_device_id)]
After = Annotated[str, Field(max_length=64, pattern=NO_NUL)]


class NewTarget(BaseModel, extra="forbid"):
    """`board` is needed for a device that is not enrolled: it says which releases fit."""

    id: DeviceId
    board: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = None
    downloads: Literal["here", "store"] = "here"
    confirm: bool = False


@router.post("", status_code=201, dependencies=ADMINISTER)
async def create(asked: NewTarget, request: Request) -> dict:
    """A token for the device; one that it had before stops working."""
    state, token = request.app.state, secrets.token_urlsafe(24)
    params = asked.model_dump() | {"at": state.clock(), "sha256": token_hash(token)}
    async with state.pool.connection() as connection:
        if asked.board:
            await connection.execute(_ENROL, params)
        found = await connection.execute(
            "SELECT board, decommissioned_at FROM devices WHERE id = %s", [asked.id]
        )
        device = await found.fetchone()
        if device is None:
            raise Refused(422, f"device {asked.id!r} is not enrolled; name its board, and it will be")
        if device["decommissioned_at"]:
            raise Refused(409, f"device {asked.id!r} is decommissioned")
        if asked.board not in (None, device["board"]):
            raise Refused(409, f"device {asked.id!r} is of board {device['board']}, not {asked.board}")
        await connection.execute(_TOKEN, params)
        why = f"downloads from {asked.downloads}{', must confirm' if asked.confirm else ''}"
        await audit(
            connection, params["at"], request.state.who.name, "target.created", f"device:{asked.id}", why
        )
    return {"id": asked.id, "token": token}


@router.get("", dependencies=READ)
async def targets(request: Request, after: After = "") -> dict:
    """A page in order of their ids; `next` is the `after` of the following page, or null."""
    async with request.app.state.pool.connection() as connection:
        rows = await (await connection.execute(_LIST, [after, PAGE + 1])).fetchall()
    page = [{**row, "polled_at": row["polled_at"] and utc_text(row["polled_at"])} for row in rows[:PAGE]]
    return {"targets": page, "next": page[-1]["id"] if len(rows) > PAGE else None}


@router.delete("/{target}", dependencies=ADMINISTER)
async def revoke(target: DeviceId, request: Request) -> dict:
    """Its token stops working; the device, and what it said, stay."""
    state = request.app.state
    async with state.pool.connection() as connection:
        done = await connection.execute(_REVOKE, [target])
        if not done.rowcount:
            raise Refused(404, f"device {target!r} has no target token")
        await audit(connection, state.clock(), request.state.who.name, "target.revoked", f"device:{target}")
    return {"id": target}


_ENROL = """
INSERT INTO devices (id, board, enrolled_at) VALUES (%(id)s, %(board)s, %(at)s) ON CONFLICT (id) DO NOTHING
"""

_TOKEN = """
INSERT INTO ddi_targets (device_id, token_sha256, token_made_at, downloads, must_confirm)
VALUES (%(id)s, %(sha256)s, %(at)s, %(downloads)s, %(confirm)s)
ON CONFLICT (device_id) DO UPDATE SET token_sha256 = EXCLUDED.token_sha256,
    token_made_at = EXCLUDED.token_made_at, downloads = EXCLUDED.downloads, must_confirm = EXCLUDED.must_confirm
"""

_LIST = """
SELECT t.device_id AS id, d.board, t.token_sha256 IS NOT NULL AS has_token, t.downloads,
    t.must_confirm AS confirm, t.attributes, t.polled_at
FROM ddi_targets t JOIN devices d ON d.id = t.device_id
WHERE t.device_id > %s ORDER BY t.device_id LIMIT %s
"""

_REVOKE = """
UPDATE ddi_targets SET token_sha256 = NULL, token_made_at = NULL
WHERE device_id = %s AND token_sha256 IS NOT NULL
"""
