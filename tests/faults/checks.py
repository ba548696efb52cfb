"""What must hold of a campaign whatever broke while it ran, read from the rows and from the devices' own records."""

from collections import Counter

from psycopg import Connection
from psycopg.rows import dict_row

from tools.fleet.fleet import Fleet
from wire import topics

_SAID_BY_DEVICES = (topics.SUCCEEDED, topics.FAILED, topics.REJECTED)


def broken_promises(connection: Connection, campaign: int, fleet: Fleet) -> list[str]:
    """In words; none is what is wanted."""
    jobs = connection.cursor(row_factory=dict_row).execute(_JOBS, [campaign]).fetchall()
    return [*_lost(connection, campaign), *_stuck(jobs), *_twice(jobs, fleet), *_differing(jobs, fleet)]


def second_leaders(connection: Connection) -> list[str]:
    """From the audit rows: the revisions of those who acted never fall, and each is one holder's."""
    acts = connection.execute("SELECT id, who FROM audit WHERE who LIKE 'scheduler:%' ORDER BY id").fetchall()
    wrong: list[str] = []
    holders: dict[int, str] = {}
    highest = 0
    for number, who in acts:
        holder, _, text = who.rpartition("@")
        revision = int(text)
        if revision < highest:
            wrong.append(f"audit row {number}: {who} acted after revision {highest}")
        if holders.setdefault(revision, holder) != holder:
            wrong.append(f"audit row {number}: {holder} and {holders[revision]} both acted as {revision}")
        highest = max(highest, revision)
    return wrong


def leaders(connection: Connection) -> int:
    """How many leaders have acted so far."""
    ((count,),) = connection.execute(
        "SELECT count(DISTINCT who) FROM audit WHERE who LIKE 'scheduler:%'"
    ).fetchall()
    return count


def _lost(connection: Connection, campaign: int) -> list[str]:
    rows = connection.execute(_SHORT, [campaign]).fetchall()
    return [f"group {name} has {jobs} jobs for {size} devices" for name, size, jobs in rows]


def _stuck(jobs: list[dict]) -> list[str]:
    return [
        f"job {job['id']} of {job['device_id']} is stuck: {job['status']}"
        for job in jobs
        if job["status"] not in topics.ENDED
    ]


def _twice(jobs: list[dict], fleet: Fleet) -> list[str]:
    ended = [f"job {job['id']} ended {job['ends']} times in the audit" for job in jobs if job["ends"] > 1]
    per_device = Counter(job["device_id"] for job in jobs)
    given = [f"{device} has {count} jobs" for device, count in per_device.items() if count > 1]
    done = [f"{device} began job {job} more than once" for device, job in fleet.twice()]
    return ended + given + done


def _differing(jobs: list[dict], fleet: Fleet) -> list[str]:
    """A device's own last word on a job, once the broker had it, is what the cloud has."""
    devices = {device.id: device for device in fleet.devices}
    wrong = []
    for job in jobs:
        record = devices[job["device_id"]].jobs.get(str(job["id"]))
        if record is None or not record.last or record.last["status"] not in _SAID_BY_DEVICES:
            continue
        if record.acknowledged and record.last["status"] != job["status"]:
            said = record.last["status"]
            wrong.append(f"job {job['id']}: {job['device_id']} said {said}, the cloud has {job['status']}")
    return wrong


_JOBS = """
SELECT j.id, j.device_id, j.status,
    (SELECT count(*) FROM audit a WHERE a.subject = 'job:' || j.id
        AND a.what IN ('job.SUCCEEDED', 'job.FAILED', 'job.REJECTED', 'job.TIMED_OUT', 'job.REMOVED')) AS ends
FROM jobs j WHERE j.campaign_id = %s
"""

_SHORT = """
SELECT g.name, g.size, count(j.id) FROM campaign_groups g
LEFT JOIN jobs j ON (j.campaign_id, j.group_number) = (g.campaign_id, g.number)
WHERE g.campaign_id = %s GROUP BY g.number, g.name, g.size HAVING count(j.id) <> g.size
"""
