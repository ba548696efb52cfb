"""Failed jobs, once more. Each attempt has a number of its own, since a device keeps to its word on a number."""

from datetime import datetime

from cloud.db import Connection
from cloud.ota.choice import PARKED

AT_ONCE = 1_000


async def again(connection: Connection, ids: list[int], now: datetime, who: str) -> None:
    """For devices that failed, as often as their campaign says."""
    await _again(connection, _AUTOMATIC, {"ids": ids}, now, who)


async def again_all(connection: Connection, campaign: int, now: datetime, who: str) -> int:
    """For all of a campaign that failed and are not parked, because a person says so; how many."""
    return await _again(connection, _BY_HAND, {"campaign": campaign}, now, who)


async def _again(connection: Connection, which: str, params: dict, now: datetime, who: str) -> int:
    params |= {"limit": AT_ONCE, "now": now, "who": who}
    rows = await (await connection.execute(which, params)).fetchall()
    if rows:
        await connection.execute("DELETE FROM jobs WHERE id = ANY(%s)", [[row["id"] for row in rows]])
        columns = {f"{name}s": [row[name] for row in rows] for name in rows[0]}
        await connection.execute(_MAKE, params | columns)  # `ids` are the jobs' now
    return len(rows)


_MAY = f"""
j.action = 'install' AND j.status IN ('FAILED', 'TIMED_OUT') AND c.status IN ('RUNNING', 'PAUSED')
    AND d.decommissioned_at IS NULL AND NOT {PARKED.replace("%(digest)s", "c.release_digest")}
    AND (c.deadline > %(now)s) IS NOT FALSE
    AND NOT EXISTS (SELECT FROM jobs a WHERE a.device_id = j.device_id AND a.kind = j.kind
        AND a.status IN ('QUEUED', 'IN_PROGRESS'))
"""

_FAILED = f"""
SELECT j.id, j.campaign_id, j.group_number, j.device_id, j.kind, j.attempt, j.from_version, j.status
FROM jobs j JOIN campaigns c ON c.id = j.campaign_id JOIN devices d ON d.id = j.device_id
WHERE {_MAY} AND {{which}}
ORDER BY j.id LIMIT %(limit)s FOR UPDATE OF j
"""

_AUTOMATIC = _FAILED.format(which="c.id = ANY(%(ids)s) AND c.status = 'RUNNING' AND j.attempt <= c.retries")
# Of a campaign `c`: jobs have failed since `again`, and are to be tried again by the next tick, before they are judged.
PENDING = f"""
(c.retries > 0 AND c.status = 'RUNNING' AND EXISTS (
    SELECT FROM jobs j JOIN devices d ON d.id = j.device_id
    WHERE j.campaign_id = c.id AND j.attempt <= c.retries AND {_MAY}
))"""

_BY_HAND = _FAILED.format(which="c.id = %(campaign)s")

_MAKE = """
WITH made AS (
    INSERT INTO jobs (campaign_id, group_number, device_id, kind, attempt, from_version, created_at, look_at)
    SELECT campaign_id, group_number, device_id, kind, attempt + 1, from_version, %(now)s, %(now)s
    FROM unnest(%(campaign_ids)s::bigint[], %(group_numbers)s::integer[], %(device_ids)s::text[], %(kinds)s::text[],
        %(attempts)s::integer[], %(from_versions)s::text[])
        f (campaign_id, group_number, device_id, kind, attempt, from_version)
    RETURNING id, campaign_id, device_id, attempt
)
INSERT INTO audit (at, who, what, subject, why)
SELECT %(now)s, %(who)s, 'job.RETRIED', 'job:' || was.id,
    format('%%s; attempt %%s is job %%s', was.status, m.attempt, m.id)
FROM made m JOIN unnest(%(ids)s::bigint[], %(campaign_ids)s::bigint[], %(device_ids)s::text[], %(statuss)s::text[])
    was (id, campaign_id, device_id, status) USING (campaign_id, device_id)
"""
