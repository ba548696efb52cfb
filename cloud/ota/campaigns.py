"""Campaigns: made, looked at, paused, resumed and aborted here; moved on by the scheduler."""

import math
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from psycopg.types.json import Jsonb
from pydantic import BaseModel, Field, model_validator

from cloud.db import Connection, audit
from cloud.ota.scheduler import cancel_queued
from cloud.web import ADMIN, Refused

IDS_MAX = 100_000
JOBS_SHOWN = 1000

Word = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
CampaignId = Annotated[int, Field(ge=1, lt=2**63)]

router = APIRouter(prefix="/v1/campaigns", dependencies=ADMIN)


class Filter(BaseModel, extra="forbid"):
    """What is left out excludes nobody."""

    board: Word | None = None
    version: Word | None = None  # what the device runs now, of the release's kind
    ids: Annotated[list[Word], Field(min_length=1, max_length=IDS_MAX)] | None = None


class Group(BaseModel, extra="forbid"):
    """So many devices, or a share of those that the groups before it have left."""

    name: Word
    count: Annotated[int, Field(ge=1, le=10**9)] | None = None
    share: Annotated[float, Field(gt=0, le=1)] | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> "Group":
        if (self.count is None) == (self.share is None):
            raise ValueError(f"group {self.name!r} needs a count or a share, and not both")
        return self


class NewCampaign(BaseModel, extra="forbid"):
    release: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    filter: Filter = Filter()
    groups: Annotated[list[Group], Field(min_length=1, max_length=20)]
    success_threshold: Share = 1.0  # of a group's jobs, to go on to the next
    error_threshold: Share = 0.1  # of a group's jobs, to halt
    step_timeout_s: Annotated[int, Field(ge=1, le=30 * 86400)] = 600
    forced: bool = False
    deadline_s: Annotated[int, Field(ge=1, le=366 * 86400)] | None = None


class Why(BaseModel, extra="forbid"):
    why: Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")] = ""


@router.post("", status_code=201)
async def create(asked: NewCampaign, request: Request) -> dict:
    state, now = request.app.state, request.app.state.clock()
    async with state.pool.connection() as connection:
        release = await _release(connection, asked.release)
        campaign = await _insert(connection, asked, now)
        devices = await _choose_members(connection, campaign, asked, release)
        why = f"{release['name']} {release['version']} for {devices} devices"
        await audit(connection, now, "admin", "campaign.created", f"campaign:{campaign}", why)
    state.wake.set()
    return {"id": campaign}


@router.get("/{campaign}")
async def read(campaign: CampaignId, request: Request) -> dict:
    async with request.app.state.pool.connection() as connection:
        found = await (await connection.execute(_CAMPAIGN, [campaign])).fetchone()
        if found is None:
            raise Refused(404, f"there is no campaign {campaign}")
        groups = await (await connection.execute(_GROUPS, [campaign])).fetchall()
        jobs = await (await connection.execute(_JOBS, [campaign, JOBS_SHOWN])).fetchall()
    return {**found, "groups": groups, "jobs": jobs}


@router.post("/{campaign}/{action}")
async def change(
    campaign: CampaignId,
    action: Literal["abort", "pause", "resume"],
    request: Request,
    body: Why | None = None,
) -> dict:
    state, now = request.app.state, request.app.state.clock()
    async with state.pool.connection() as connection:
        after = await _move(connection, campaign, action, now)
        why = body.why if body else ""
        await audit(connection, now, "admin", f"campaign.{after}", f"campaign:{campaign}", why)
        if after == "ABORTED":
            await cancel_queued(connection, campaign, now, "admin")
        if after == "RUNNING":  # who asked meanwhile was told that there is nothing
            await connection.execute(_TELL_AGAIN, [campaign])
    state.wake.set()
    return {"id": campaign, "status": after}


MOVES = {
    "abort": (("RUNNING", "PAUSED"), "ABORTED"),
    "pause": (("RUNNING",), "PAUSED"),
    "resume": (("PAUSED",), "RUNNING"),
}


async def _move(connection: Connection, campaign: int, action: str, now: datetime) -> str:
    rows = await connection.execute("SELECT status FROM campaigns WHERE id = %s FOR UPDATE", [campaign])
    row, (before, after) = await rows.fetchone(), MOVES[action]
    if row is None:
        raise Refused(404, f"there is no campaign {campaign}")
    if row["status"] not in before:
        raise Refused(409, f"campaign {campaign} is {row['status']}: only {' or '.join(before)} can {action}")
    await connection.execute(
        "UPDATE campaigns SET status = %s, ended_at = %s WHERE id = %s",
        [after, now if after == "ABORTED" else None, campaign],
    )
    return after


async def _release(connection: Connection, digest: str) -> dict:
    rows = await connection.execute("SELECT * FROM releases WHERE digest = %s", [digest])
    if row := await rows.fetchone():
        return row
    raise Refused(404, f"there is no release {digest}")


async def _insert(connection: Connection, asked: NewCampaign, now: datetime) -> int:
    deadline = now + timedelta(seconds=asked.deadline_s) if asked.deadline_s else None
    row = asked.model_dump(exclude={"filter", "groups"})
    row |= {"filter": Jsonb(asked.filter.model_dump(exclude_none=True)), "deadline": deadline, "now": now}
    return await _one(connection, _INSERT, row)


async def _one(connection: Connection, statement: str, params: dict) -> int:
    """The column `one` of the only row."""
    (row,) = await (await connection.execute(statement, params)).fetchall()
    return row["one"]


async def _choose_members(connection: Connection, campaign: int, asked: NewCampaign, release: dict) -> int:
    """Fill the groups, all by SQL; returns how many devices they have."""
    match = {"campaign": campaign, "forced": asked.forced, **asked.filter.model_dump()}
    match |= {"boards": release["boards"], "kind": release["kind"], "to": release["version"]}
    total = await _one(connection, f"SELECT count(*) AS one FROM ({_MATCH}) m", match)
    if total == 0:
        raise Refused(422, f"no device that the filter selects needs {release['name']} {release['version']}")
    ends = ends_of(asked.groups, total)
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    groups = {"numbers": list(range(len(ends))), "names": [group.name for group in asked.groups]}
    groups |= {"sizes": sizes, "ends": ends}
    for statement in (_INSERT_GROUPS, _INSERT_MEMBERS):
        await connection.execute(statement, match | groups)
    return ends[-1]


def ends_of(groups: list[Group], total: int) -> list[int]:
    """Where each group ends in the order of `total` devices. A share is rounded up."""
    ends, end = [], 0
    for group in groups:
        left = total - end
        end += min(group.count or math.ceil(round((group.share or 0) * left, 6)), left)
        ends.append(end)
    return ends


_INSERT = """
INSERT INTO campaigns (release_digest, filter, success_threshold, error_threshold, step_timeout_s, forced,
                       deadline, status, created_at)
VALUES (%(release)s, %(filter)s, %(success_threshold)s, %(error_threshold)s, %(step_timeout_s)s, %(forced)s,
        %(deadline)s, 'RUNNING', %(now)s)
RETURNING id AS one
"""

# Those online come first, so that a canary sings; beyond that the order is fixed, but nobody's choice.
_MATCH = """
SELECT id, row_number() OVER (ORDER BY online DESC, md5(%(campaign)s::text || id), id) AS place
FROM (
    SELECT d.id, coalesce(p.online, false) AS online,
        CASE %(kind)s WHEN 'app' THEN d.app_version ELSE d.runtime_version END AS version
    FROM devices d LEFT JOIN presence p ON p.device_id = d.id
    WHERE d.board = ANY(%(boards)s)
        AND (%(board)s::text IS NULL OR d.board = %(board)s)
        AND (%(ids)s::text[] IS NULL OR d.id = ANY(%(ids)s))
) d
WHERE (%(version)s::text IS NULL OR version = %(version)s) AND (%(forced)s OR version <> %(to)s)
"""

_INSERT_GROUPS = """
INSERT INTO campaign_groups (campaign_id, number, name, size)
SELECT %(campaign)s, * FROM unnest(%(numbers)s::integer[], %(names)s::text[], %(sizes)s::integer[])
"""

_INSERT_MEMBERS = f"""
INSERT INTO campaign_members (campaign_id, device_id, group_number)
SELECT %(campaign)s, m.id, g.number
FROM ({_MATCH}) m
JOIN unnest(%(numbers)s::integer[], %(ends)s::integer[], %(sizes)s::integer[]) AS g (number, last, size)
    ON m.place > g.last - g.size AND m.place <= g.last
"""

_TELL_AGAIN = "UPDATE jobs SET notified_at = NULL WHERE campaign_id = %s AND status = 'QUEUED'"

_CAMPAIGN = """
SELECT id, release_digest AS release, filter, status, reason, success_threshold, error_threshold,
    step_timeout_s, forced, deadline, created_at, ended_at
FROM campaigns WHERE id = %s
"""

_GROUPS = """
SELECT g.name, g.status, g.size,
    coalesce(jsonb_object_agg(j.status, j.n) FILTER (WHERE j.n > 0), '{}') AS jobs
FROM campaign_groups g
LEFT JOIN LATERAL (
    SELECT status, count(*) AS n FROM jobs
    WHERE campaign_id = g.campaign_id AND group_number = g.number GROUP BY status
) j ON true
WHERE g.campaign_id = %s
GROUP BY g.number, g.name, g.status, g.size
ORDER BY g.number
"""

_JOBS = """
SELECT j.id::text AS job, j.device_id AS device, g.name AS group, j.status, j.step, j.progress_pct, j.detail
FROM jobs j
JOIN campaign_groups g ON g.campaign_id = j.campaign_id AND g.number = j.group_number
WHERE j.campaign_id = %s ORDER BY j.group_number, j.id LIMIT %s
"""
