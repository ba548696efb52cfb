"""Devices are told of their jobs, each with an URL minted at that moment, and no faster than downloads may begin."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable
from datetime import timedelta

from cloud.bus import Bus, BusDown
from cloud.db import Pool
from cloud.objects import ObjectStore
from cloud.observe import metrics, tracing
from cloud.ota.admission import IN_WINDOW
from cloud.web import Clock, utc_text

URL_LIFE_S = 3600  # a device asks again when it has run out
STARTS_PER_S = 200  # downloads that may begin, of what this process tells
WAIT_MAX_S = 900
NOTIFIED_AT_ONCE = 500
NOTIFY_AGAIN = timedelta(minutes=5)  # to a device that is online and has not taken its job
CAME_LATELY = timedelta(minutes=2)  # presence as late as this is still looked at

log = logging.getLogger(__name__)


class Pace:
    """Spreads what begins at once: each gets the next free slot, so a whole fleet that comes back is no storm."""

    def __init__(self, per_s: float = STARTS_PER_S) -> None:
        self._per_s, self._free_at = per_s, 0.0

    def wait_s(self) -> int:
        """How long the next one is to wait; 0 unless there are many."""
        now = time.monotonic()
        self._free_at = max(self._free_at, now) + 1 / self._per_s
        wait_s = self._free_at - now
        return 0 if wait_s < 1 else min(WAIT_MAX_S, round(wait_s * random.uniform(0.8, 1.2)))


class Notifier:
    def __init__(
        self,
        pool: Pool,
        bus: Bus,
        objects: ObjectStore,
        clock: Clock,
        url_life_s: Callable[[], int] = lambda: URL_LIFE_S,
    ):
        self._pool, self._bus, self._objects, self._clock = pool, bus, objects, clock
        self._url_life_s = url_life_s
        self._pace = Pace()
        self._followed = tracing.Followed()

    async def send_new(self) -> None:
        """To devices that are online and were not told yet."""
        while self._bus.connected.is_set():
            now = self._clock()
            params = {"now": now, "lately": now - CAME_LATELY, "limit": NOTIFIED_AT_ONCE}
            due = await self._fetch(_DUE, params)
            jobs = await self._pending(sorted({row["device_id"] for row in due if row["online"]}))
            told = await self._send({row["device_id"]: row for row in jobs})
            looked_at = [row["id"] for row in due if not row["online"]]
            await self._settle(
                looked_at, [row["id"] for row in due if row["online"] and row["id"] not in told]
            )
            if len(due) < NOTIFIED_AT_ONCE:
                return

    async def answer(self, devices: Iterable[str]) -> None:
        """To devices that asked: the job each has, or that it has none."""
        asked: dict[str, dict | None] = dict.fromkeys(devices)
        if asked:
            await self._send(asked | {row["device_id"]: row for row in await self._pending(list(asked))})

    async def remind(self, devices: Iterable[str]) -> None:
        """To those of the devices that have a job: of that job."""
        await self._send({row["device_id"]: row for row in await self._pending(sorted(set(devices)))})

    async def _pending(self, devices: list[str]) -> list[dict]:
        return await self._fetch(PENDING, {"devices": devices, "now": self._clock()}) if devices else []

    async def _fetch(self, statement: str, params: dict) -> list[dict]:
        async with self._pool.connection() as connection:
            return await (await connection.execute(statement, params)).fetchall()

    async def _settle(self, offline: list[int], later: list[int]) -> None:
        """Who is offline asks when it comes; who has something else to do first is looked at again."""
        if offline or later:
            async with self._pool.connection() as connection:
                again = self._clock() + timedelta(seconds=30)
                await connection.execute(_SETTLE, {"offline": offline, "later": later, "again": again})

    async def _send(self, jobs: dict[str, dict | None]) -> set[int]:
        sent = await asyncio.gather(*(self._send_one(device, job) for device, job in jobs.items()))
        told = [job for job in sent if job is not None]
        if told:
            now = self._clock()
            async with self._pool.connection() as connection:
                await connection.execute(_TOLD, {"now": now, "again": now + NOTIFY_AGAIN, "jobs": told})
        return set(told)

    async def _send_one(self, device: str, job: dict | None) -> int | None:
        """The job's id if the broker has taken the message."""
        try:
            await self._tell(device, job)
        except BusDown as error:
            metrics.TOLD.labels("failed").inc()
            log.warning("%s was not told of its job: %s", device, error)
            return None
        metrics.TOLD.labels("sent").inc()
        return job["id"] if job else None

    async def _tell(self, device: str, job: dict | None) -> None:
        if job is None:
            return await self._bus.publish(device, "jobs/notify", {"job": None})
        with tracing.telling(device, job, self._followed(job["campaign"], job["id"])) as trace:
            goes_along = {"trace": trace} if trace else {}
            await self._bus.publish(device, "jobs/notify", self._described(job) | goes_along)

    def _described(self, job: dict) -> dict:
        about = {
            "job": str(job["id"]),
            "kind": job["kind"],
            "release": f"{job['name']} {job['version']}",
            "version": job["version"],
            "digest": job["digest"],
            "forced": job["forced"],
        }
        if job["action"] == "back":
            version = job["from_version"]
            back = {"release": f"{job['name']} {version}", "version": version, "digest": "", "forced": True}
            return about | back | {"action": "back", "url": "", "url_expires": None, "size": 0}
        life_s = self._url_life_s()
        return about | {
            "url": self._objects.presign(job["object_key"], life_s),
            "url_expires": utc_text(self._clock() + timedelta(seconds=life_s)),
            "size": job["size"],
            "wait_s": self._pace.wait_s(),
        }


# A halted or aborted campaign hands out nothing more, also to those who are in the middle of it; but the way back.
PENDING = f"""
SELECT DISTINCT ON (j.device_id) j.id, j.device_id, j.action, j.from_version, r.kind, r.name, r.version, r.digest,
    r.object_key, r.size, c.forced, c.id AS campaign, c.trace
FROM jobs j
JOIN campaigns c ON c.id = j.campaign_id
JOIN campaign_groups g ON g.campaign_id = j.campaign_id AND g.number = j.group_number
JOIN releases r ON r.digest = c.release_digest
WHERE j.device_id = ANY(%(devices)s) AND j.status IN ('QUEUED', 'IN_PROGRESS') AND (
    (j.action = 'back' AND c.status = 'HALTED')
    OR (j.action = 'install' AND c.status NOT IN ('HALTED', 'ABORTED')
        AND (j.status = 'IN_PROGRESS' OR (c.status = 'RUNNING' AND {IN_WINDOW}
            AND (c.deadline > %(now)s) IS NOT FALSE))))
ORDER BY j.device_id, j.status, j.id
"""

# Those that are due, and those whose device has come since it was told last.
_DUE = f"""
WITH running AS (
    SELECT c.id, g.number, c.status FROM campaigns c JOIN campaign_groups g ON g.campaign_id = c.id
    WHERE (c.status = 'RUNNING' AND {IN_WINDOW}) OR (c.status = 'HALTED' AND c.rollback)
), due AS (
    SELECT d.* FROM (SELECT DISTINCT id FROM running) r CROSS JOIN LATERAL (
        SELECT id, device_id FROM jobs j
        WHERE j.campaign_id = r.id AND j.status = 'QUEUED' AND j.look_at <= %(now)s
            AND EXISTS (SELECT FROM running w WHERE (w.id, w.number) = (j.campaign_id, j.group_number)
                AND (w.status = 'RUNNING') = (j.action = 'install'))
        ORDER BY j.look_at LIMIT %(limit)s
    ) d
    LIMIT %(limit)s
), came AS (
    SELECT j.id, j.device_id FROM presence p JOIN jobs j ON j.device_id = p.device_id AND j.status = 'QUEUED'
    JOIN running w ON (w.id, w.number) = (j.campaign_id, j.group_number)
        AND (w.status = 'RUNNING') = (j.action = 'install')
    WHERE p.online AND p.received_at > %(lately)s AND j.look_at IS NULL
    LIMIT %(limit)s
)
SELECT d.id, d.device_id, coalesce(p.online, false) AS online
FROM (SELECT * FROM due UNION SELECT * FROM came) d LEFT JOIN presence p ON p.device_id = d.device_id
LIMIT %(limit)s
"""

_TOLD = "UPDATE jobs SET notified_at = %(now)s, look_at = %(again)s WHERE id = ANY(%(jobs)s)"

_SETTLE = """
UPDATE jobs SET look_at = CASE WHEN id = ANY(%(offline)s) THEN NULL::timestamptz ELSE %(again)s END
WHERE id = ANY(%(offline)s::bigint[] || %(later)s::bigint[]) AND status = 'QUEUED'
"""
