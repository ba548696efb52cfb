"""Why isn't this device updating? In words, the most telling first, from what is in the tables now."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request

from cloud.access import OPERATE, READ
from cloud.db import NO_NUL, Connection, audit
from cloud.ota.admission import IN_WINDOW
from cloud.ota.choice import PARKED_AT, Filter, selects, target_of, unfit
from cloud.web import Refused, utc_text

CAMPAIGNS_MAX = 100
_A = {"app": "an app", "runtime": "a runtime"}

DeviceId = Annotated[str, Path(min_length=1, max_length=64, pattern=NO_NUL)]

router = APIRouter()


@router.get("/v1/why/{device_id}", dependencies=READ)
async def why(device_id: DeviceId, request: Request, kind: Literal["app", "runtime"] = "app") -> dict:
    """{"device", "answer": [words]}; there is always an answer."""
    async with request.app.state.pool.connection() as connection:
        device = await _device(connection, device_id)
        answer = await answers(connection, device, kind, request.app.state.clock())
    return {"device": device_id, "kind": kind, "runs": device[kind], "answer": answer}


@router.get("/v1/parked", dependencies=READ)
async def parked(request: Request) -> dict:
    """Devices that failed the same release as often as it takes to be parked."""
    async with request.app.state.pool.connection() as connection:
        rows = await connection.execute(_PARKED, [PARKED_AT])
        return {"parked": await rows.fetchall()}


@router.delete("/v1/parked/{device_id}/{digest}", dependencies=OPERATE)
async def let_go(
    device_id: DeviceId, digest: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")], request: Request
) -> dict:
    """Its failures of this release are forgotten: a campaign may try it again."""
    now, who = request.app.state.clock(), request.state.who.name
    async with request.app.state.pool.connection() as connection:
        done = await connection.execute(
            "DELETE FROM failures WHERE device_id = %s AND release_digest = %s RETURNING failures",
            [device_id, digest],
        )
        if not (was := await done.fetchone()):
            raise Refused(404, f"{device_id} has no failures of release {digest}")
        change = was, {"failures": 0}
        await audit(connection, now, who, "device.unparked", f"device:{device_id}", digest, *change)
    request.app.state.wake.set()
    return {"device": device_id, "release": digest}


async def _device(connection: Connection, device_id: str) -> dict:
    row = await (await connection.execute(_DEVICE, [device_id])).fetchone()
    if row is None:
        raise Refused(404, f"no device {device_id!r} is enrolled")
    return row


async def answers(connection: Connection, device: dict, kind: str, now: datetime) -> list[str]:
    if device["decommissioned_at"]:
        return [f"it was decommissioned at {utc_text(device['decommissioned_at'])}"]
    said = [] if device["online"] else [_away(device)]
    params = {"device": device["id"], "kind": kind, "now": now, "limit": CAMPAIGNS_MAX}
    jobs = await (await connection.execute(_JOBS, params)).fetchall()
    for job in jobs:
        parked = await _parked(connection, device["id"], job["digest"]) if job["ended_at"] else ""
        said.append(f"{_of_job(job)}{parked and f'; {parked}'}")
    for campaign in await (await connection.execute(_CAMPAIGNS, params)).fetchall():
        said.append(f"campaign {campaign['id']}: {await _of_campaign(connection, device, campaign, kind)}")
    if not any(job["active"] for job in jobs) and len(said) == len(jobs) + (not device["online"]):
        said.append(f"no campaign brings it {_A[kind]} release now")
    return said


def _away(device: dict) -> str:
    if device["polled_at"]:
        return f"it polls (DDI), the last time at {utc_text(device['polled_at'])}"
    if device["seen_at"] is None:
        return "it was never online"
    return f"it is offline, last heard of at {utc_text(device['seen_at'])}"


def _of_job(job: dict) -> str:
    about = f"job {job['id']} of campaign {job['campaign_id']} ({job['name']} {job['version']})"
    if job["status"] in ("FAILED", "TIMED_OUT", "REJECTED"):
        return f"{about} ended {job['status']} at {utc_text(job['ended_at'])}: {job['detail'] or 'without a word'}"
    if job["deferred"]:
        return f"{about} is put off by the device: {job['deferred']}"
    if job["status"] == "IN_PROGRESS":
        said = (
            f"{job['step'] or 'no step'} {job['progress_pct']} %, last heard at {utc_text(job['heard_at'])}"
        )
        return f"{about} is under way: {said}"
    if job["campaign_status"] == "PAUSED":
        return f"{about} waits: the campaign is paused"
    if job["notified_at"]:
        return f"{about} waits: the device was told at {utc_text(job['notified_at'])} and has not answered"
    return f"{about} waits for the device to come online"


async def _of_campaign(connection: Connection, device: dict, campaign: dict, kind: str) -> str:
    """Of a live campaign in which the device has no job."""
    target = target_of(campaign, campaign["forced"])
    if words := unfit(target, device["board"], device["app"], device["runtime"]):
        return words
    condition, params = selects(Filter(**campaign["filter"]), kind)
    found = await connection.execute(
        f"SELECT FROM devices d WHERE d.id = %(device)s AND {condition}", params | {"device": device["id"]}
    )
    if not found.rowcount:
        return f"its filter does not select this device: {_filter_words(campaign['filter'])}"
    return await _parked(connection, device["id"], target.digest) or _turn(campaign)


async def _parked(connection: Connection, device_id: str, digest: str) -> str:
    row = await (await connection.execute(_FAILURES, [device_id, digest])).fetchone()
    if row is None:
        return ""
    return f"it is parked: it failed this release {row['failures']} times, the last time: {row['why']}"


def _filter_words(filter: dict) -> str:
    return ", ".join(f"{name} {value if name != 'ids' else 'in a list'}" for name, value in filter.items())


def _turn(campaign: dict) -> str:
    """Why it is not its turn yet. `group` is the first that is not full."""
    name = f"group {campaign['group_name']}"
    if campaign["status"] == "PENDING":
        return f"waits for {campaign['approvals'] - campaign['approved']} more approvals"
    if campaign["status"] == "PAUSED":
        return f"is paused: {campaign['reason'] or 'by a person'}"
    if campaign["group_name"] is None:
        return "all its groups are full: when it was made, fewer devices needed the release"
    if campaign["group_status"] == "WAITING":
        soaks = (
            f", which is watched until {utc_text(campaign['soaks_until'])}" if campaign["soaks_until"] else ""
        )
        return f"{name} waits for the groups before it{soaks}"
    if not campaign["in_window"]:
        return f"{name} is outside its window of {campaign['window']} UTC"
    if campaign["rate_per_min"]:
        return f"{name} takes {campaign['rate_per_min']:g} devices a minute; it will be this one's turn"
    return f"{name} has room for it; it will be its turn, or another job of the same kind has to end first"


_DEVICE = """
SELECT d.id, d.board, d.app_version AS app, d.runtime_version AS runtime, d.decommissioned_at,
    coalesce(p.online, false) AS online, p.received_at AS seen_at, t.polled_at
FROM devices d LEFT JOIN presence p ON p.device_id = d.id LEFT JOIN ddi_targets t ON t.device_id = d.id
WHERE d.id = %s
"""

# What is active, and of those that ended the last one, if it did not succeed.
_JOBS = """
SELECT j.id, j.campaign_id, j.status, j.step, j.progress_pct, j.detail, j.deferred, j.heard_at, j.notified_at,
    j.ended_at, r.digest, r.name, r.version, c.status AS campaign_status, j.ended_at IS NULL AS active
FROM (
    (SELECT * FROM jobs WHERE device_id = %(device)s AND kind = %(kind)s AND ended_at IS NULL)
    UNION
    (SELECT * FROM (SELECT * FROM jobs WHERE device_id = %(device)s AND kind = %(kind)s AND ended_at IS NOT NULL
        ORDER BY id DESC LIMIT 1) last WHERE status IN ('FAILED', 'TIMED_OUT', 'REJECTED'))
) j
JOIN campaigns c ON c.id = j.campaign_id JOIN releases r ON r.digest = c.release_digest
ORDER BY active DESC, j.id
"""

_CAMPAIGNS = f"""
SELECT c.id, c.status, c.reason, c.filter, c.forced, c.approvals, r.digest, r.kind, r.name, r.version, r.boards,
    convert_from(r.manifest, 'UTF8') AS manifest, g.name AS group_name, g.status AS group_status, g.rate_per_min,
    (SELECT count(*) FROM approvals a WHERE a.campaign_id = c.id) AS approved,
    (SELECT min(b.reached_at + b.soak_s * interval '1 s') FROM campaign_groups b
        WHERE b.campaign_id = c.id AND b.status = 'RUNNING' AND b.soak_s > 0) AS soaks_until,
    g.name IS NULL OR {IN_WINDOW} AS in_window,
    to_char(g.window_from, 'HH24:MI') || ' to ' || to_char(g.window_to, 'HH24:MI') AS window
FROM campaigns c
JOIN releases r ON r.digest = c.release_digest AND r.kind = %(kind)s
LEFT JOIN LATERAL (
    SELECT g.* FROM campaign_groups g JOIN group_progress p USING (campaign_id, number)
    WHERE g.campaign_id = c.id AND (g.open_ended OR p.succeeded + p.failed + p.gone + p.active < g.size)
    ORDER BY g.number LIMIT 1
) g ON true
WHERE c.status IN ('PENDING', 'RUNNING', 'PAUSED')
    AND NOT EXISTS (SELECT FROM jobs j WHERE j.campaign_id = c.id AND j.device_id = %(device)s)
ORDER BY c.id DESC LIMIT %(limit)s
"""

_FAILURES = f"""
SELECT failures, why FROM failures
WHERE device_id = %s AND release_digest = %s AND failures >= {PARKED_AT}
"""

_PARKED = """
SELECT f.device_id AS device, f.release_digest AS release, r.name, r.version, f.failures, f.last_at, f.why
FROM failures f JOIN releases r ON r.digest = f.release_digest
WHERE f.failures >= %s ORDER BY f.last_at DESC, f.device_id LIMIT 1000
"""
