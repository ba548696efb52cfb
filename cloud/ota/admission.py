"""Who gets a job next: each group walks over the fleet, as fast as its rate, its window and a tick allow.

A walk has four phases, each in the order of a hash of the devices' ids, from a place that differs from campaign to
campaign round to it again: those online first, so that a canary sings, then everybody. Where it is stands in the
group's row, so a tick looks at few devices, however many there are.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from cloud.db import Connection, audit
from cloud.ota.choice import PARKED_AT, Filter, Target, look, selects, target_of, unfit

BATCH = 5_000  # devices looked at in one statement
BATCHES = 4  # of a group in one tick
LOOKED_AT_LEAST = 200  # also if few are wanted: not everyone who is looked at fits
LOOKED_AT_A_S = 20_000  # a walk is begun again after the time that its devices take at this pace
BURST = timedelta(minutes=1)  # the most that a rate saves up

_ONLINE_PHASES = (0, 1)
_DONE = 4
_AGAIN = 2  # by then everybody counts


class _Walk(NamedTuple):
    campaign: dict
    group: dict
    filter: Filter
    target: Target
    now: datetime


async def admit(connection: Connection, ids: list[int], now: datetime, who: str) -> bool:
    """Make jobs in every group that may have more; whether one stopped only because a tick is to be short."""
    rows = await connection.execute(_GROUPS, {"ids": ids, "now": now})
    more = False
    for row in await rows.fetchall():
        target = target_of(row["release"], row["forced"])
        walk = _Walk(row, row["the_group"], Filter(**row["filter"]), target, now)
        more |= await _admit(connection, walk, who)
    return more


async def _admit(connection: Connection, walk: _Walk, who: str) -> bool:
    if not (wanted := _wanted(walk)):
        return False
    state = {name: walk.group[name] for name in ("walk_phase", "walk_at", "walk_again_at", "size")}
    if state["walk_phase"] == _DONE:
        state |= {"walk_phase": _AGAIN, "walk_at": None}
    made = looked = 0
    while made < wanted and looked < BATCHES and state["walk_phase"] != _DONE:
        made += await _batch(connection, walk, state, wanted - made)
        looked += 1
    if state["walk_phase"] == _DONE and made < wanted:
        await _at_the_end(connection, walk, state, made)
    await connection.execute(_KEEP, _params(walk) | state | {"rate_from": _paid_until(walk, made)})
    if made:
        why = f"{made} jobs in group {walk.group['number']}"
        await audit(connection, walk.now, who, "jobs.QUEUED", f"campaign:{walk.campaign['id']}", why)
    room = made < _room(walk) if walk.group["rate_per_min"] is None else made < wanted
    return room and state["walk_phase"] != _DONE


def _room(walk: _Walk) -> int:
    return 2**31 if walk.group["open_ended"] else walk.group["size"] - walk.campaign["jobs"]


def _wanted(walk: _Walk) -> int:
    """How many jobs this tick may make."""
    most, rate_per_min = min(_room(walk), BATCH * BATCHES), walk.group["rate_per_min"]
    if rate_per_min is None:
        return max(0, most)
    waited_s = (walk.now - _rate_from(walk)).total_seconds()
    return max(0, min(most, int(waited_s * rate_per_min / 60 + 1e-6)))


def _rate_from(walk: _Walk) -> datetime:
    """From when on admissions are not paid for: the first one is made at once."""
    one = timedelta(seconds=60 / walk.group["rate_per_min"])
    earliest = walk.now - max(BURST, one)
    kept = walk.group["rate_from"]
    return max(datetime.fromisoformat(kept), earliest) if kept else walk.now - one


def _paid_until(walk: _Walk, made: int) -> datetime | None:
    if walk.group["rate_per_min"] is None:
        return None
    return _rate_from(walk) + timedelta(seconds=60 * made / walk.group["rate_per_min"])


async def _batch(connection: Connection, walk: _Walk, state: dict, wanted: int) -> int:
    """Look at the next devices of the walk; how many jobs were made. `state` goes on."""
    phase, (condition, params) = state["walk_phase"], selects(walk.filter, walk.target.kind)
    online = "JOIN presence p ON p.device_id = d.id AND p.online" if phase in _ONLINE_PHASES else ""
    side = ">=" if phase % 2 == 0 else "<"
    limit = min(BATCH, max(wanted, LOOKED_AT_LEAST))
    rows = await connection.execute(
        _NEXT.format(online=online, condition=condition, side=side),
        params | _params(walk) | {"at": state["walk_at"], "limit": limit},
    )
    found = await rows.fetchall()
    ids = [row["id"] for row in found]
    busy = await connection.execute(_BUSY, _params(walk) | {"devices": ids})
    not_now = {row["device_id"] for row in await busy.fetchall()}
    fit = [
        row
        for row in found
        if row["id"] not in not_now and not unfit(walk.target, row["board"], row["app"], row["runtime"])
    ]
    taken = fit[:wanted]
    if len(fit) > wanted:
        state["walk_at"] = taken[-1]["hash"]
    elif len(found) == limit:
        state["walk_at"] = found[-1]["hash"]
    else:
        state |= {"walk_phase": phase + 1, "walk_at": None}
    chosen = {"devices": [row["id"] for row in taken], "versions": [row[walk.target.kind] for row in taken]}
    return (await connection.execute(_MAKE, _params(walk) | chosen)).rowcount


async def _at_the_end(connection: Connection, walk: _Walk, state: dict, made: int) -> None:
    """The walk has seen everybody and found too few: the group gets smaller, or waits for those who can't yet."""
    jobs = walk.campaign["jobs"] + made
    left = (await look(connection, walk.target, walk.filter, _unless(walk))).fit
    if not walk.group["open_ended"] and left == 0:
        state["size"] = jobs
    pause = timedelta(seconds=1 + max(jobs, left) / LOOKED_AT_A_S)
    state["walk_again_at"] = walk.now + pause


def _unless(walk: _Walk) -> str:
    return (
        f"EXISTS (SELECT FROM jobs j WHERE j.campaign_id = {int(walk.campaign['id'])} AND j.device_id = d.id)"
    )


def _params(walk: _Walk) -> dict:
    campaign, group = walk.campaign, walk.group
    return {
        "campaign": campaign["id"],
        "number": group["number"],
        "start": start_of(campaign["id"]),
        "kind": walk.target.kind,
        "digest": walk.target.digest,
        "to": walk.target.version,
        "forced": walk.target.forced,
        "boards": walk.target.boards,
        "now": walk.now,
    }


def start_of(campaign: int) -> int:
    """Where its walks begin: somewhere else for each campaign, so that no device is always the canary."""
    return (campaign * 0x9E3779B97F4A7C15 + 2**63) % 2**64 - 2**63


IN_WINDOW = """
(g.window_from IS NULL OR CASE WHEN g.window_from <= g.window_to
    THEN (%(now)s::timestamptz AT TIME ZONE 'UTC')::time BETWEEN g.window_from AND g.window_to
    ELSE (%(now)s::timestamptz AT TIME ZONE 'UTC')::time NOT BETWEEN g.window_to AND g.window_from END)
""".strip()

_GROUPS = f"""
SELECT c.id, c.filter, c.forced, r.release, to_jsonb(g) AS the_group,
    coalesce((SELECT sum(n) FROM jobs_counted n WHERE n.campaign_id = c.id AND n.group_number = g.number
        AND n.action = 'install'), 0)::bigint AS jobs
FROM campaigns c
JOIN campaign_groups g ON g.campaign_id = c.id AND g.status IN ('RUNNING', 'SUCCEEDED')
JOIN LATERAL (
    SELECT jsonb_build_object('digest', digest, 'kind', kind, 'name', name, 'version', version, 'boards', boards,
        'manifest', convert_from(manifest, 'UTF8')) AS release FROM releases WHERE digest = c.release_digest
) r ON true
WHERE c.id = ANY(%(ids)s) AND c.status = 'RUNNING' AND (c.deadline IS NULL OR c.deadline > %(now)s)
    AND {IN_WINDOW}
    AND (g.walk_phase < {_DONE} OR g.walk_again_at <= %(now)s)
    AND (g.open_ended OR g.size > 0)
ORDER BY c.id, g.number
"""

_NEXT = """
SELECT d.id, d.board, d.app_version AS app, d.runtime_version AS runtime, hashtextextended(d.id, 0) AS hash
FROM devices d {online}
WHERE {condition} AND d.board = ANY(%(boards)s)
    AND hashtextextended(d.id, 0) {side} %(start)s
    AND (%(at)s::bigint IS NULL OR hashtextextended(d.id, 0) > %(at)s)
    AND (%(forced)s OR CASE %(kind)s WHEN 'app' THEN d.app_version ELSE d.runtime_version END <> %(to)s)
ORDER BY hashtextextended(d.id, 0)
LIMIT %(limit)s
"""

# A device that has another job of this kind gets this one when that has ended: a later walk finds it. A query of its
# own: joined to the walk, it is planned by how few jobs there were when the tables were last counted.
_BUSY = f"""
SELECT device_id FROM jobs WHERE device_id = ANY(%(devices)s)
    AND (campaign_id = %(campaign)s OR (kind = %(kind)s AND status IN ('QUEUED', 'IN_PROGRESS')))
UNION ALL
SELECT device_id FROM failures WHERE device_id = ANY(%(devices)s) AND release_digest = %(digest)s
    AND failures >= {PARKED_AT}
"""

_MAKE = """
INSERT INTO jobs (campaign_id, group_number, device_id, kind, from_version, created_at, look_at)
SELECT %(campaign)s, %(number)s, d.id, %(kind)s, d.version, %(now)s, %(now)s
FROM unnest(%(devices)s::text[], %(versions)s::text[]) d (id, version)
ON CONFLICT DO NOTHING
"""

_KEEP = """
UPDATE campaign_groups SET walk_phase = %(walk_phase)s, walk_at = %(walk_at)s, walk_again_at = %(walk_again_at)s,
    size = %(size)s, rate_from = %(rate_from)s
WHERE campaign_id = %(campaign)s AND number = %(number)s
"""
