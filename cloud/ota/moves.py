"""What people do to a campaign: approve, pause, resume, abort, and have its failed jobs tried again."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Request

from cloud.access import APPROVE, OPERATE
from cloud.db import Connection, audit
from cloud.ota.campaigns import CampaignId
from cloud.ota.retries import again_all
from cloud.ota.scheduler import cancel_queued
from cloud.ota.wanted import Approval, Why
from cloud.web import Refused

router = APIRouter(prefix="/v1/campaigns")

MOVES = {
    "abort": (("PENDING", "RUNNING", "PAUSED"), "ABORTED"),
    "pause": (("RUNNING",), "PAUSED"),
    "resume": (("PAUSED",), "RUNNING"),
}


@router.post("/{campaign}/approve", dependencies=APPROVE)
async def approve(campaign: CampaignId, asked: Approval, request: Request) -> dict:
    """By another than who made it, and of the digest that was looked at; the last one that is needed lets it run."""
    state, now, who = request.app.state, request.app.state.clock(), request.state.who.name
    async with state.pool.connection() as connection:
        row = await locked(connection, campaign)
        if row["status"] != "PENDING":
            raise Refused(409, f"campaign {campaign} is {row['status']}: there is nothing to approve")
        if row["created_by"] == who:
            raise Refused(403, f"{who} made campaign {campaign}: another person has to approve it")
        if row["release_digest"] != asked.digest:
            raise Refused(
                409, f"campaign {campaign} brings release {row['release_digest']}, not {asked.digest}"
            )
        await connection.execute(_APPROVE, [campaign, who, asked.digest, now, asked.why])
        await audit(
            connection, now, who, "campaign.approved", f"campaign:{campaign}", f"{asked.digest} {asked.why}"
        )
        (count,) = await (await connection.execute(_COUNT, [campaign])).fetchall()
        if count["n"] >= row["approvals"]:
            await set_status(connection, campaign, "RUNNING", now)
            change = {"status": "PENDING"}, {"status": "RUNNING"}
            subject = f"campaign:{campaign}"
            await audit(connection, now, who, "campaign.RUNNING", subject, "has its approvals", *change)
    state.wake.set()
    missing = max(0, row["approvals"] - count["n"])
    return {"id": campaign, "status": "PENDING" if missing else "RUNNING", "missing": missing}


@router.post("/{campaign}/retry", dependencies=OPERATE)
async def retry(campaign: CampaignId, request: Request, body: Why | None = None) -> dict:
    """Failed and timed out jobs once more, but for parked devices."""
    state, now, who = request.app.state, request.app.state.clock(), request.state.who.name
    async with state.pool.connection() as connection:
        row = await locked(connection, campaign)
        if row["status"] not in ("RUNNING", "PAUSED"):
            raise Refused(409, f"campaign {campaign} is {row['status']}: only a live one can try again")
        jobs = await again_all(connection, campaign, now, who)
        why = f"{jobs} jobs. {body.why if body else ''}".strip()
        await audit(connection, now, who, "campaign.retry", f"campaign:{campaign}", why)
    state.wake.set()
    return {"id": campaign, "jobs": jobs}


@router.post("/{campaign}/{action}", dependencies=OPERATE)
async def change(
    campaign: CampaignId,
    action: Literal["abort", "pause", "resume"],
    request: Request,
    body: Why | None = None,
) -> dict:
    state, now, who = request.app.state, request.app.state.clock(), request.state.who.name
    async with state.pool.connection() as connection:
        before, after = MOVES[action]
        row = await locked(connection, campaign)
        if row["status"] not in before:
            raise Refused(
                409, f"campaign {campaign} is {row['status']}: only {' or '.join(before)} can {action}"
            )
        why = body.why if body else ""
        await stop(connection, campaign, row["status"], after, now, who, why)
        if after == "RUNNING":  # who asked meanwhile was told that there is nothing
            await connection.execute(_TELL_AGAIN, {"campaign": campaign, "now": now})
    state.wake.set()
    return {"id": campaign, "status": after}


async def stop(
    connection: Connection, campaign: int, before: str, after: str, now: datetime, who: str, why: str
) -> None:
    """Give it another status, with all that goes with that."""
    change = {"status": before}, {"status": after}
    await set_status(connection, campaign, after, now)
    await audit(connection, now, who, f"campaign.{after}", f"campaign:{campaign}", why, *change)
    if after == "ABORTED":
        await cancel_queued(connection, campaign, now, who)


async def locked(connection: Connection, campaign: int) -> dict:
    rows = await connection.execute("SELECT * FROM campaigns WHERE id = %s FOR UPDATE", [campaign])
    if row := await rows.fetchone():
        return row
    raise Refused(404, f"there is no campaign {campaign}")


async def set_status(connection: Connection, campaign: int, after: str, now: datetime) -> None:
    await connection.execute(
        "UPDATE campaigns SET status = %s, ended_at = %s, reason = '' WHERE id = %s",
        [after, now if after == "ABORTED" else None, campaign],
    )


_APPROVE = """
INSERT INTO approvals (campaign_id, who, digest, at, why) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""

_COUNT = "SELECT count(*) AS n FROM approvals WHERE campaign_id = %s"

_TELL_AGAIN = """
UPDATE jobs j SET look_at = %(now)s FROM presence p
WHERE j.campaign_id = %(campaign)s AND j.status = 'QUEUED' AND p.device_id = j.device_id AND p.online
"""
