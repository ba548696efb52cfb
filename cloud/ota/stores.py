"""The two stores, of apps and of firmware (`runtime`): what is in them, whom it fits, promoted and withdrawn."""

import json
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field

from cloud.access import ADMINISTER, APPROVE, OPERATE, READ
from cloud.db import audit
from cloud.ota.campaigns import left_out
from cloud.ota.choice import Filter, look, release_of, target_of
from cloud.ota.moves import stop
from cloud.ota.releases import Kind
from cloud.ota.wanted import Why
from cloud.web import Refused, utc_text

Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]

router = APIRouter()


class Policy(BaseModel, extra="forbid"):
    """What campaigns with releases of a kind need: so many other persons' approvals, a promoted release."""

    approvals: Annotated[int, Field(ge=0, le=5)] = 0
    promoted_only: bool = False


@router.get("/v1/releases", dependencies=READ)
async def releases(request: Request) -> dict:
    """Of both stores, the newest first."""
    return {"releases": await _listed(request, None)}


@router.get("/v1/stores/{kind}/releases", dependencies=READ)
async def store(kind: Kind, request: Request) -> dict:
    return {"releases": await _listed(request, kind)}


@router.get("/v1/releases/{digest}", dependencies=READ)
async def release(digest: Digest, request: Request) -> dict:
    """With what it requires, and how many of the fleet it would fit now."""
    async with request.app.state.pool.connection() as connection:
        row = await release_of(connection, digest)
        found = await look(connection, target_of(row, forced=False), Filter())
        (runs,) = await (await connection.execute(_RUNS[row["kind"]], [row["version"]])).fetchall()
    fits = {"devices": found.fit, "left_out": left_out(found), "running": runs["n"]}
    shown = {name: row[name] for name in _SHOWN}
    requires = json.loads(row["manifest"])["requires"]
    return shown | {
        "published_at": utc_text(row["published_at"]),
        "requires": requires,
        "compatibility": fits,
    }


@router.post("/v1/releases/{digest}/promote", dependencies=APPROVE)
async def promote(digest: Digest, request: Request, body: Why | None = None) -> dict:
    return await _set(request, digest, ("CANDIDATE",), "PROMOTED", body)


@router.post("/v1/releases/{digest}/withdraw", dependencies=OPERATE)
async def withdraw(digest: Digest, request: Request, body: Why | None = None) -> dict:
    """For good: its live campaigns are aborted, and no other can be made."""
    return await _set(request, digest, ("CANDIDATE", "PROMOTED"), "WITHDRAWN", body)


@router.get("/v1/policies", dependencies=READ)
async def policies(request: Request) -> dict:
    async with request.app.state.pool.connection() as connection:
        rows = await connection.execute("SELECT * FROM policies ORDER BY kind")
        return {"policies": await rows.fetchall()}


@router.put("/v1/policies/{kind}", dependencies=ADMINISTER)
async def set_policy(kind: Kind, asked: Policy, request: Request) -> dict:
    """For campaigns that are made from now on."""
    now, who, row = request.app.state.clock(), request.state.who.name, asked.model_dump()
    async with request.app.state.pool.connection() as connection:
        (before,) = await (await connection.execute(_POLICY, [kind])).fetchall()
        await connection.execute(_SET_POLICY, row | {"kind": kind})
        await audit(connection, now, who, "policy.set", f"policy:{kind}", json.dumps(row), before, row)
    return {"kind": kind, **row}


async def _listed(request: Request, kind: str | None) -> list[dict]:
    async with request.app.state.pool.connection() as connection:
        rows = await (await connection.execute(_LIST, {"kind": kind})).fetchall()
    return [row | {"published_at": utc_text(row["published_at"])} for row in rows]


async def _set(request: Request, digest: str, before: tuple[str, ...], after: str, body: Why | None) -> dict:
    now, who, why = request.app.state.clock(), request.state.who.name, body.why if body else ""
    async with request.app.state.pool.connection() as connection:
        row = await release_of(connection, digest)
        params = {"digest": digest, "before": list(before), "after": after, "why": why}
        if not (await connection.execute(_SET_STATUS, params)).rowcount:
            raise Refused(409, f"{row['name']} {row['version']} is {row['status']}: it can't become {after}")
        change = {"status": row["status"]}, {"status": after}
        await audit(connection, now, who, f"release.{after.lower()}", f"release:{digest}", why, *change)
        aborted = []
        if after == "WITHDRAWN":
            live = await (await connection.execute(_LIVE, [digest])).fetchall()
            aborted = [campaign["id"] for campaign in live]
            words = f"release withdrawn: {why}" if why else "release withdrawn"
            for campaign in live:
                await stop(connection, campaign["id"], campaign["status"], "ABORTED", now, who, words)
    request.app.state.wake.set()
    return {"digest": digest, "status": after, "aborted": aborted}


_SHOWN = (
    "digest", "kind", "name", "version", "security_version", "boards", "size", "signed_by", "status", "status_why",
)  # fmt: skip

_LIST = f"""
SELECT {", ".join(_SHOWN)}, convert_from(manifest, 'UTF8')::jsonb -> 'requires' AS requires, published_at
FROM releases WHERE %(kind)s::text IS NULL OR kind = %(kind)s ORDER BY published_at DESC, digest
"""

_RUNS = {
    "app": "SELECT count(*) AS n FROM devices WHERE app_version = %s AND decommissioned_at IS NULL",
    "runtime": "SELECT count(*) AS n FROM devices WHERE runtime_version = %s AND decommissioned_at IS NULL",
}

_SET_STATUS = """
UPDATE releases SET status = %(after)s, status_why = %(why)s WHERE digest = %(digest)s AND status = ANY(%(before)s)
"""

_LIVE = """
SELECT id, status FROM campaigns WHERE release_digest = %s AND status IN ('PENDING', 'RUNNING', 'PAUSED')
ORDER BY id FOR UPDATE
"""

_POLICY = "SELECT approvals, promoted_only FROM policies WHERE kind = %s FOR UPDATE"

_SET_POLICY = (
    "UPDATE policies SET approvals = %(approvals)s, promoted_only = %(promoted_only)s WHERE kind = %(kind)s"
)
