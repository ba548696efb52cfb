"""Bearer tokens: made, listed and revoked by an admin; a token is shown once, when it is made."""

import secrets
from datetime import timedelta
from typing import Annotated, Literal

import psycopg
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from cloud.access import ADMINISTER, token_hash
from cloud.db import audit
from cloud.web import Refused, utc_text

router = APIRouter(prefix="/v1/tokens", dependencies=ADMINISTER)

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class NewToken(BaseModel, extra="forbid"):
    name: Name
    role: Literal["viewer", "operator", "approver", "admin", "publisher"]
    days: Annotated[int, Field(ge=1, le=3650)] | None = None


@router.post("", status_code=201)
async def create(asked: NewToken, request: Request) -> dict:
    state, token = request.app.state, secrets.token_urlsafe(24)
    now = state.clock()
    expires = now + timedelta(days=asked.days) if asked.days else None
    async with state.pool.connection() as connection:
        try:
            await connection.execute(
                "INSERT INTO tokens (name, sha256, role, created_at, expires_at) VALUES (%s, %s, %s, %s, %s)",
                [asked.name, token_hash(token), asked.role, now, expires],
            )
        except psycopg.errors.UniqueViolation:
            raise Refused(409, f"there is a token {asked.name!r} already, names are used once") from None
        who, subject = request.state.who.name, f"token:{asked.name}"
        after = {"role": asked.role, "expires": utc_text(expires) if expires else None}
        await audit(connection, now, who, "token.created", subject, f"role {asked.role}", None, after)
    return {"token": token, "expires": utc_text(expires) if expires else None}


@router.get("")
async def tokens(request: Request) -> dict:
    async with request.app.state.pool.connection() as connection:
        rows = await connection.execute(
            "SELECT name, role, created_at, used_at, expires_at, revoked_at FROM tokens ORDER BY name"
        )
        return {"tokens": await rows.fetchall()}


@router.delete("/{name}")
async def revoke(name: Name, request: Request) -> dict:
    state = request.app.state
    async with state.pool.connection() as connection:
        done = await connection.execute(
            "UPDATE tokens SET revoked_at = %s WHERE name = %s AND revoked_at IS NULL", [state.clock(), name]
        )
        if not done.rowcount:
            raise Refused(404, f"there is no token {name!r} in force")
        who, change = request.state.who.name, ({"in_force": True}, {"in_force": False})
        await audit(connection, state.clock(), who, "token.revoked", f"token:{name}", "", *change)
    return {"name": name}
