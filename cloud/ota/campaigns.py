"""Campaigns: made, tried dry and looked at here; stopped and let go in moves.py, moved on by the scheduler."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from psycopg.types.json import Jsonb

from cloud.access import OPERATE, READ
from cloud.db import Connection, audit
from cloud.observe import tracing
from cloud.ota.choice import Selection, Target, look, release_of, target_of
from cloud.ota.wanted import Group, NewCampaign, ends_of, sizes_of
from cloud.web import Refused

__all__ = ["Group", "NewCampaign", "ends_of", "router"]

JOBS_SHOWN = 1000
LISTED = 100
IDS_AUDITED = 100

CampaignId = Annotated[int, Path(ge=1, lt=2**63)]
JobStatus = Literal[
    "QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED"
]

router = APIRouter(prefix="/v1/campaigns")


@router.post("", status_code=201, dependencies=OPERATE)
async def create(asked: NewCampaign, request: Request) -> dict:
    """It runs at once, or is PENDING until others have approved it, where the release's kind needs that."""
    state, now, who = request.app.state, request.app.state.clock(), request.state.who.name
    async with state.pool.connection() as connection:
        target, policy = await _allowed(connection, asked)
        found = await look(connection, target, asked.filter)
        if found.fit == 0 and not asked.open_ended:
            raise Refused(422, _nobody(target, found))
        campaign = await _insert(connection, asked, policy["approvals"], now, who)
        sizes = sizes_of(asked.groups, found.fit)
        await connection.cursor().executemany(_INSERT_GROUP, _group_rows(campaign, asked.groups, sizes))
        why = f"{target.name} {target.version} for {sum(sizes)} devices"
        await audit(connection, now, who, "campaign.created", f"campaign:{campaign}", why, None, _kept(asked))
    state.wake.set()
    return {"id": campaign}


@router.post("/dry-run", dependencies=OPERATE)
async def dry_run(asked: NewCampaign, request: Request) -> dict:
    """What `create` would find now; nothing is kept. Hours are what the groups' rates alone take."""
    async with request.app.state.pool.connection() as connection:
        target, policy = await _allowed(connection, asked)
        found = await look(connection, target, asked.filter)
    sizes = sizes_of(asked.groups, found.fit)
    groups = [
        {"name": group.name, "size": size, "hours": _hours(group, size)}
        for group, size in zip(asked.groups, sizes, strict=True)
    ]
    return {
        "release": f"{target.name} {target.version}",
        "devices": sum(sizes),
        "not_in_a_group": found.fit - sum(sizes),
        "approvals": policy["approvals"],
        "groups": groups,
        "left_out": left_out(found),
    }


@router.get("", dependencies=READ)
async def campaigns(request: Request, before: Annotated[int, Query(ge=1, lt=2**63)] = 2**63 - 1) -> dict:
    """The newest first; `next` is the `before` of the following page, or null."""
    async with request.app.state.pool.connection() as connection:
        rows = await (await connection.execute(_LIST, [before, LISTED])).fetchall()
    return {"campaigns": rows, "next": rows[-1]["id"] if len(rows) == LISTED else None}


@router.get("/{campaign}", dependencies=READ)
async def read(campaign: CampaignId, request: Request) -> dict:
    """With the first of its jobs; all of them come in pages from /jobs."""
    async with request.app.state.pool.connection() as connection:
        await connection.execute(ONE_MOMENT)
        found = await _found(connection, campaign)
        groups = await (await connection.execute(_GROUPS, [campaign])).fetchall()
        jobs = await (await connection.execute(_JOBS, {"campaign": campaign, "limit": JOBS_SHOWN})).fetchall()
        approvals = await (await connection.execute(_APPROVALS, [campaign])).fetchall()
    return {**found, "groups": groups, "jobs": jobs, "approved": approvals}


@router.get("/{campaign}/jobs", dependencies=READ)
async def jobs(
    campaign: CampaignId,
    request: Request,
    status: JobStatus | None = None,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
) -> dict:
    """In order of their numbers; `next` is the `after` of the following page, or null."""
    async with request.app.state.pool.connection() as connection:
        await _found(connection, campaign)
        page = {"campaign": campaign, "status": status, "after": after, "limit": JOBS_SHOWN}
        rows = await (await connection.execute(_JOBS_PAGE, page)).fetchall()
    return {"jobs": rows, "next": int(rows[-1]["job"]) if len(rows) == JOBS_SHOWN else None}


def _kept(asked: NewCampaign) -> dict:
    """For the audit log; of very many ids only how many they are."""
    kept = asked.model_dump(mode="json", exclude_none=True)
    if len(ids := kept["filter"].get("ids", [])) > IDS_AUDITED:
        kept["filter"]["ids"] = f"{len(ids)} devices"
    return kept


def left_out(found: Selection) -> list[dict]:
    ordered = sorted(found.left_out.items(), key=lambda each: -each[1][0])
    return [{"why": why, "devices": n, "example": example} for why, (n, example) in ordered]


def _nobody(target: Target, found: Selection) -> str:
    words = f"no device that the filter selects needs {target.name} {target.version}"
    reasons = [f"{each['devices']}: {each['why']}" for each in left_out(found)[:5]]
    return f"{words} ({'; '.join(reasons)})" if reasons else words


def _hours(group: Group, size: int) -> float | None:
    return round(size / group.rate_per_min / 60, 2) if group.rate_per_min else None


async def _allowed(connection: Connection, asked: NewCampaign) -> tuple[Target, dict]:
    """(the release, its kind's policy) of a campaign that may be made."""
    release = await release_of(connection, asked.release)
    name = f"{release['name']} {release['version']}"
    rows = await connection.execute("SELECT * FROM policies WHERE kind = %s", [release["kind"]])
    policy = await rows.fetchone()
    assert policy  # one for each kind is made by a migration
    if release["status"] == "WITHDRAWN":
        raise Refused(409, f"{name} was withdrawn: {release['status_why'] or 'no reason was given'}")
    if policy["promoted_only"] and release["status"] != "PROMOTED":
        raise Refused(
            409, f"{name} has to be promoted first, so says the policy of {release['kind']} releases"
        )
    return target_of(release, asked.forced), policy


async def _insert(connection: Connection, asked: NewCampaign, approvals: int, now: datetime, who: str) -> int:
    deadline = now + timedelta(seconds=asked.deadline_s) if asked.deadline_s else None
    row = asked.model_dump(exclude={"filter", "groups"})
    row |= {"filter": Jsonb(asked.filter.model_dump(exclude_none=True)), "deadline": deadline, "now": now}
    row |= {"approvals": approvals, "status": "PENDING" if approvals else "RUNNING", "who": who}
    row |= {"trace": tracing.current()}
    (made,) = await (await connection.execute(_INSERT, row)).fetchall()
    return made["id"]


def _group_rows(campaign: int, groups: list[Group], sizes: list[int]) -> list[dict[str, Any]]:
    return [
        group.model_dump(exclude={"window"})
        | {"campaign": campaign, "number": number, "size": size}
        | {"start": group.window and group.window.start, "end": group.window and group.window.end}
        for number, (group, size) in enumerate(zip(groups, sizes, strict=True))
    ]


async def _found(connection: Connection, campaign: int) -> dict:
    row = await (await connection.execute(_CAMPAIGN, [campaign])).fetchone()
    if row is None:
        raise Refused(404, f"there is no campaign {campaign}")
    return row


ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"  # groups and jobs that go together

_INSERT = """
INSERT INTO campaigns (release_digest, filter, success_threshold, error_threshold, error_after, step_timeout_s,
    deferral_timeout_s, forced, deadline, retries, rollback, approvals, status, created_by, created_at, trace)
VALUES (%(release)s, %(filter)s, %(success_threshold)s, %(error_threshold)s, %(error_after)s, %(step_timeout_s)s,
    %(deferral_timeout_s)s, %(forced)s, %(deadline)s, %(retries)s, %(rollback)s, %(approvals)s, %(status)s, %(who)s,
    %(now)s, %(trace)s)
RETURNING id
"""

_INSERT_GROUP = """
INSERT INTO campaign_groups (campaign_id, number, name, size, success_threshold, error_threshold, soak_s,
    rate_per_min, window_from, window_to, confirm, open_ended)
VALUES (%(campaign)s, %(number)s, %(name)s, %(size)s, %(success_threshold)s, %(error_threshold)s, %(soak_s)s,
    %(rate_per_min)s, %(start)s, %(end)s, %(confirm)s, %(open_ended)s)
"""

_LIST = """
SELECT c.id, c.status, c.reason, r.kind, r.name, r.version, c.created_at, c.created_by, c.ended_at
FROM campaigns c JOIN releases r ON r.digest = c.release_digest
WHERE c.id < %s ORDER BY c.id DESC LIMIT %s
"""

_CAMPAIGN = """
SELECT id, release_digest AS release, filter, status, reason, success_threshold, error_threshold, error_after,
    step_timeout_s, deferral_timeout_s, forced, retries, rollback, approvals, deadline, created_at, created_by, ended_at
FROM campaigns WHERE id = %s
"""

# `not_reached`: never told, because they were never there. Silence after that is TIMED_OUT, and counts.
_GROUPS = """
SELECT g.name, g.status, g.size,
    coalesce((SELECT jsonb_object_agg(status, n) FROM (SELECT status, sum(n) AS n FROM jobs_counted j
        WHERE (j.campaign_id, j.group_number, j.action) = (g.campaign_id, g.number, 'install')
        GROUP BY status HAVING sum(n) > 0) s), '{}') AS jobs,
    coalesce((SELECT jsonb_object_agg(status, n) FROM (SELECT status, sum(n) AS n FROM jobs_counted j
        WHERE (j.campaign_id, j.group_number, j.action) = (g.campaign_id, g.number, 'back')
        GROUP BY status HAVING sum(n) > 0) s), '{}') AS back,
    coalesce((SELECT sum(n) FROM jobs_counted j WHERE (j.campaign_id, j.group_number) = (g.campaign_id, g.number)
        AND j.status = 'QUEUED' AND NOT j.told), 0)::bigint AS not_reached,
    coalesce((SELECT sum(n) FROM jobs_counted j WHERE (j.campaign_id, j.group_number) = (g.campaign_id, g.number)
        AND j.deferred), 0)::bigint AS deferred,
    coalesce(g.success_threshold, c.success_threshold) AS success_threshold,
    coalesce(g.error_threshold, c.error_threshold) AS error_threshold, g.soak_s, g.rate_per_min,
    to_char(g.window_from, 'HH24:MI') AS window_start, to_char(g.window_to, 'HH24:MI') AS window_end,
    g.confirm, g.open_ended,
    CASE g.status WHEN 'RUNNING' THEN g.reached_at + g.soak_s * interval '1 s' END AS soaks_until
FROM campaign_groups g JOIN campaigns c ON c.id = g.campaign_id
WHERE g.campaign_id = %s
ORDER BY g.number
"""

_JOB_COLUMNS = """
SELECT j.id::text AS job, j.device_id AS device, g.name AS group, j.action, j.attempt, j.status, j.step,
    j.progress_pct, j.detail, j.deferred, j.from_version
FROM jobs j
JOIN campaign_groups g ON g.campaign_id = j.campaign_id AND g.number = j.group_number
"""

_JOBS = f"""{_JOB_COLUMNS}
WHERE j.campaign_id = %(campaign)s ORDER BY j.group_number, j.id LIMIT %(limit)s
"""

_JOBS_PAGE = f"""{_JOB_COLUMNS}
WHERE j.campaign_id = %(campaign)s AND (%(status)s::text IS NULL OR j.status = %(status)s) AND j.id > %(after)s
ORDER BY j.id LIMIT %(limit)s
"""

_APPROVALS = "SELECT who, digest, at, why FROM approvals WHERE campaign_id = %s ORDER BY at"
