"""The campaigns' scheduler: only the elected process acts, each tick is one transaction of SQL over sets.

A tick takes what is in the tables to what it should be: silent jobs time out, groups that reached their
threshold succeed, campaigns that reached theirs halt, the next group starts, its jobs are made, and campaigns
end. Every statement writes its audit rows itself. Nothing is remembered between two ticks.
"""

import asyncio
import logging
from contextlib import suppress
from datetime import datetime

import psycopg

from cloud.db import Connection, Pool
from cloud.ota.jobs import Notifier
from cloud.ota.leader import Deposed, Election, fence
from cloud.web import Clock

ROLE = "campaigns"
TICK_S = 1.0

log = logging.getLogger(__name__)


class Scheduler:
    """`wake` makes the next tick come at once: set it when a job or a campaign has changed."""

    def __init__(self, pool: Pool, election: Election, notifier: Notifier, clock: Clock, wake: asyncio.Event):
        self._pool, self._election, self._notifier = pool, election, notifier
        self._clock, self._wake = clock, wake

    async def run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._tick_if_leading()
            except (Deposed, psycopg.Error) as error:
                log.error("no tick: %s", error)
            except Exception:  # a leader that has stopped ticking would keep others from it
                log.exception("no tick")
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()

    async def _tick_if_leading(self) -> None:
        revision = self._election.revision
        if revision is None:
            return
        async with self._pool.connection() as connection:
            await fence(connection, ROLE, revision, self._election.holder)
            await tick(connection, self._clock(), f"scheduler:{self._election.holder}@{revision}")
        await self._notifier.send_new()


async def tick(connection: Connection, now: datetime, who: str) -> int:
    """Bring every campaign up to `now`, in the caller's transaction; returns how many rows changed."""
    # A lock on each: pausing or aborting waits for the tick, or the tick sees it done.
    live = await connection.execute(
        "SELECT id FROM campaigns WHERE status = 'RUNNING' ORDER BY id FOR UPDATE"
    )
    params = {"ids": [row["id"] for row in await live.fetchall()], "now": now, "who": who}
    return sum([(await connection.execute(statement, params)).rowcount for statement in TICK])


async def cancel_queued(connection: Connection, campaign: int, now: datetime, who: str) -> None:
    """After a campaign has stopped: nobody takes a job of it any more."""
    for statement in (_CANCEL_JOBS, _END_GROUPS):
        await connection.execute(statement, {"ids": [campaign], "now": now, "who": who})


# Silence is failure, but only of a device that took the job, and whatever has become of its campaign.
_TIME_OUT = """
WITH changed AS (
    UPDATE jobs j SET status = 'TIMED_OUT', ended_at = %(now)s,
        detail = format('silent for %%s s in step %%s', c.step_timeout_s,
                        coalesce(nullif(j.step, ''), 'none'))
    FROM campaigns c
    WHERE c.id = j.campaign_id AND j.status = 'IN_PROGRESS'
        AND j.heard_at <= %(now)s - c.step_timeout_s * interval '1 s'
    RETURNING j.id, j.detail
)
INSERT INTO audit (at, who, what, subject, why)
SELECT %(now)s, %(who)s, 'job.TIMED_OUT', 'job:' || id, detail FROM changed
"""

_REMOVE_LATE = """
WITH changed AS (
    UPDATE jobs j SET status = 'REMOVED', ended_at = %(now)s, detail = 'not taken before the deadline'
    FROM campaigns c
    WHERE c.id = j.campaign_id AND c.id = ANY(%(ids)s) AND c.deadline <= %(now)s AND j.status = 'QUEUED'
    RETURNING j.id, j.detail
)
INSERT INTO audit (at, who, what, subject, why)
SELECT %(now)s, %(who)s, 'job.REMOVED', 'job:' || id, detail FROM changed
"""

_SUCCEED_GROUPS = """
WITH changed AS (
    UPDATE campaign_groups g SET status = 'SUCCEEDED'
    FROM group_progress p JOIN campaigns c ON c.id = p.campaign_id
    WHERE (g.campaign_id, g.number) = (p.campaign_id, p.number) AND c.id = ANY(%(ids)s)
        AND g.status = 'RUNNING' AND p.succeeded >= c.success_threshold * (p.size - p.gone)
    RETURNING g.campaign_id, g.name, p.succeeded, p.size
)
INSERT INTO audit (at, who, what, subject, why)
SELECT %(now)s, %(who)s, 'group.SUCCEEDED', 'campaign:' || campaign_id,
    format('group %%s: %%s of %%s jobs succeeded', name, succeeded, size) FROM changed
"""

# Also a group that has succeeded may still bring the failures that halt its campaign. A group is `short` by what
# is in the tables now: since the statement before, its last job may have succeeded.
_HALT = """
WITH judged AS (
    SELECT p.*, c.error_threshold, c.success_threshold, c.deadline <= %(now)s AS late,
        p.succeeded < c.success_threshold * (p.size - p.gone) AS short
    FROM campaigns c JOIN group_progress p ON p.campaign_id = c.id
    WHERE c.id = ANY(%(ids)s)
), reasons AS (
    SELECT campaign_id, number, CASE
        WHEN failed > 0 AND failed >= error_threshold * size
            THEN format('group %%s: %%s of %%s jobs failed, %%s %%%% halt', name, failed, size,
                        trim_scale(error_threshold::numeric * 100))
        WHEN status = 'RUNNING' AND short AND active = 0 AND succeeded + failed + gone >= size
            THEN format('group %%s ended with %%s of %%s jobs succeeded, %%s %%%% are needed', name, succeeded,
                        size, trim_scale(success_threshold::numeric * 100))
        WHEN status <> 'SUCCEEDED' AND short AND active = 0 AND late
            THEN format('deadline passed with group %%s at %%s of %%s jobs succeeded', name, succeeded, size)
        END AS reason
    FROM judged
), changed AS (
    UPDATE campaigns c SET status = 'HALTED', reason = r.reason, ended_at = %(now)s
    FROM (SELECT DISTINCT ON (campaign_id) * FROM reasons WHERE reason IS NOT NULL
          ORDER BY campaign_id, number) r
    WHERE r.campaign_id = c.id
    RETURNING c.id, c.reason
)
INSERT INTO audit (at, who, what, subject, why)
SELECT %(now)s, %(who)s, 'campaign.HALTED', 'campaign:' || id, reason FROM changed
"""

_CANCEL_JOBS = """
WITH changed AS (
    UPDATE jobs j SET status = 'CANCELED', ended_at = %(now)s, detail = 'campaign ' || lower(c.status)
    FROM campaigns c
    WHERE c.id = j.campaign_id AND c.id = ANY(%(ids)s) AND c.status IN ('HALTED', 'ABORTED')
        AND j.status = 'QUEUED'
    RETURNING j.id, j.detail
)
INSERT INTO audit (at, who, what, subject, why)
SELECT %(now)s, %(who)s, 'job.CANCELED', 'job:' || id, detail FROM changed
"""

_END_GROUPS = """
WITH changed AS (
    UPDATE campaign_groups g SET status = c.status
    FROM campaigns c
    WHERE c.id = g.campaign_id AND c.id = ANY(%(ids)s) AND c.status IN ('HALTED', 'ABORTED')
        AND g.status IN ('WAITING', 'RUNNING')
    RETURNING g.campaign_id, g.name, g.status
)
INSERT INTO audit (at, who, what, subject, why)
SELECT %(now)s, %(who)s, 'group.' || status, 'campaign:' || campaign_id, 'group ' || name FROM changed
"""

_START_GROUPS = """
WITH changed AS (
    UPDATE campaign_groups g SET status = 'RUNNING'
    FROM campaigns c
    WHERE c.id = g.campaign_id AND c.id = ANY(%(ids)s) AND c.status = 'RUNNING' AND g.status = 'WAITING'
        AND NOT EXISTS (SELECT FROM campaign_groups earlier WHERE earlier.campaign_id = g.campaign_id
                        AND earlier.number < g.number AND earlier.status <> 'SUCCEEDED')
    RETURNING g.campaign_id, g.name, g.size
)
INSERT INTO audit (at, who, what, subject, why)
SELECT %(now)s, %(who)s, 'group.RUNNING', 'campaign:' || campaign_id,
    format('group %%s: %%s devices', name, size) FROM changed
"""

# A device that has another job of this kind gets this one when that has ended: the next tick tries again.
_ADMIT = """
WITH changed AS (
    INSERT INTO jobs (campaign_id, group_number, device_id, kind, created_at)
    SELECT m.campaign_id, m.group_number, m.device_id, r.kind, %(now)s
    FROM campaigns c
    JOIN releases r ON r.digest = c.release_digest
    JOIN campaign_groups g ON g.campaign_id = c.id AND g.status IN ('RUNNING', 'SUCCEEDED')
    JOIN campaign_members m ON m.campaign_id = c.id AND m.group_number = g.number
    WHERE c.id = ANY(%(ids)s) AND c.status = 'RUNNING' AND (c.deadline IS NULL OR c.deadline > %(now)s)
        AND NOT EXISTS (SELECT FROM jobs j WHERE (j.campaign_id, j.device_id) = (m.campaign_id, m.device_id))
    ORDER BY m.device_id
    ON CONFLICT DO NOTHING
    RETURNING campaign_id, group_number
)
INSERT INTO audit (at, who, what, subject, why)
SELECT %(now)s, %(who)s, 'jobs.QUEUED', 'campaign:' || campaign_id,
    format('%%s jobs in group %%s', count(*), group_number) FROM changed GROUP BY campaign_id, group_number
"""

_SUCCEED_CAMPAIGNS = """
WITH changed AS (
    UPDATE campaigns c SET status = 'SUCCEEDED', ended_at = %(now)s
    WHERE c.id = ANY(%(ids)s) AND c.status = 'RUNNING'
        AND NOT EXISTS (
            SELECT FROM group_progress p
            WHERE p.campaign_id = c.id AND (p.status <> 'SUCCEEDED' OR p.active > 0
                OR (p.succeeded + p.failed + p.gone < p.size AND (c.deadline > %(now)s) IS NOT FALSE))
        )
    RETURNING c.id
)
INSERT INTO audit (at, who, what, subject, why)
SELECT %(now)s, %(who)s, 'campaign.SUCCEEDED', 'campaign:' || id, '' FROM changed
"""

TICK = (
    _TIME_OUT,
    _REMOVE_LATE,
    _SUCCEED_GROUPS,
    _HALT,
    _CANCEL_JOBS,
    _END_GROUPS,
    _START_GROUPS,
    _ADMIT,
    _SUCCEED_CAMPAIGNS,
)
