"""Jobs over MQTT: devices are told of them, ask for them, and report on them."""

import asyncio
import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from cloud.bus import Bus, BusDown, Message
from cloud.db import Connection, Pool
from cloud.objects import ObjectStore
from cloud.web import Clock, utc_text
from wire import topics

TOPICS = ("jobs/get", "jobs/+/update")
URL_LIFE_S = 3600  # a device asks again when it has run out
NOTIFIED_AT_ONCE = 500
NOTIFY_AGAIN = timedelta(minutes=5)  # to a device that is online and has not taken its job

log = logging.getLogger(__name__)


def _step(text: str) -> str:
    if text not in ("", *topics.STEPS):
        raise ValueError(f"is none of {', '.join(topics.STEPS)}")
    return text


class Update(BaseModel):
    """What a device says about its job: only these words are its own to say."""

    v: Literal[1]
    status: Literal["IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED"]
    step: Annotated[str, AfterValidator(_step)] = ""
    progress_pct: Annotated[int, Field(ge=0, le=100)] = 0
    detail: Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")] = ""


def _job_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) < 2**63):
        raise ValueError(f"no job is named {text[:40]!r}")
    return int(text)


class Notifier:
    """Tells devices of their jobs, each with an URL minted at that moment."""

    def __init__(self, pool: Pool, bus: Bus, objects: ObjectStore, clock: Clock):
        self._pool, self._bus, self._objects, self._clock = pool, bus, objects, clock

    async def send_new(self) -> None:
        """To devices that are online and were not told yet."""
        if self._bus.connected.is_set():
            now = self._clock()
            params = {"now": now, "again": now - NOTIFY_AGAIN, "limit": NOTIFIED_AT_ONCE}
            rows = await self._fetch(_NEW, params)
            await self._send({row["device_id"]: row for row in rows})

    async def answer(self, devices: Iterable[str]) -> None:
        """To devices that asked: the job each has, or that it has none."""
        asked = dict.fromkeys(devices)
        rows = await self._fetch(_PENDING, {"devices": list(asked)})
        await self._send(asked | {row["device_id"]: row for row in rows})

    async def _fetch(self, statement: str, params: dict) -> list[dict]:
        async with self._pool.connection() as connection:
            return await (await connection.execute(statement, params)).fetchall()

    async def _send(self, jobs: dict[str, dict | None]) -> None:
        sent = await asyncio.gather(*(self._send_one(device, job) for device, job in jobs.items()))
        if told := [job for job in sent if job is not None]:
            async with self._pool.connection() as connection:
                await connection.execute(
                    "UPDATE jobs SET notified_at = %s WHERE id = ANY(%s)", [self._clock(), told]
                )

    async def _send_one(self, device: str, job: dict | None) -> int | None:
        """The job's id if the broker has taken the message."""
        try:
            await self._bus.publish(device, "jobs/notify", self._described(job) if job else {"job": None})
        except BusDown as error:
            log.warning("%s was not told of its job: %s", device, error)
            return None
        return job["id"] if job else None

    def _described(self, job: dict) -> dict:
        return {
            "job": str(job["id"]),
            "kind": job["kind"],
            "release": f"{job['name']} {job['version']}",
            "version": job["version"],
            "digest": job["digest"],
            "url": self._objects.presign(job["object_key"], URL_LIFE_S),
            "url_expires": utc_text(self._clock() + timedelta(seconds=URL_LIFE_S)),
            "size": job["size"],
            "forced": job["forced"],
        }


class Jobs:
    """`handle` commits a batch's statuses before it returns; `wake` is for the scheduler."""

    def __init__(self, pool: Pool, notifier: Notifier, clock: Clock, wake: asyncio.Event):
        self.dropped = 0
        self._pool, self._notifier, self._clock, self._wake = pool, notifier, clock, wake

    async def handle(self, batch: list[Message]) -> None:
        asking = [message.device for message in batch if message.name == "jobs/get"]
        asking += await self._commit([m for m in batch if m.name.endswith("/update")])
        await self._notifier.answer(asking)

    async def _commit(self, messages: list[Message]) -> list[str]:
        """One transaction; returns the devices whose word came too late: they are told what they have now."""
        updates = [each for each in map(self._read, messages) if each]
        if not updates:
            return []
        async with self._pool.connection() as connection:
            moved = [await self._move(connection, *update) for update in updates]
        self._wake.set()
        return [device for (device, _, _), done in zip(updates, moved, strict=True) if not done]

    def _read(self, message: Message) -> tuple[str, int, Update] | None:
        job = message.name.split("/")[1]
        try:
            update = Update.model_validate_json(message.payload)
            number = _job_number(job)
        except ValueError as error:  # ValidationError is one
            self._drop(message, str(error))
            return None
        return message.device, number, update

    def _drop(self, message: Message, why: str) -> None:
        self.dropped += 1
        log.warning("dropped a job update of %s: %.200r", message.device, why)

    async def _move(self, connection: Connection, device: str, job: int, update: Update) -> bool:
        params = {"device": device, "job": job, "now": self._clock(), **update.model_dump(exclude={"v"})}
        done = await (await connection.execute(_MOVE, params)).fetchone()
        if done is None:
            log.warning("%s says %s of job %d, which is not its to move", device, update.status, job)
        return done is not None


# A job moves as long as it has not ended, by the word of its own device only.
_MOVE = """
WITH was AS (
    SELECT id, status FROM jobs
    WHERE id = %(job)s AND device_id = %(device)s AND status IN ('QUEUED', 'IN_PROGRESS') FOR UPDATE
), moved AS (
    UPDATE jobs j SET status = %(status)s, step = %(step)s, progress_pct = %(progress_pct)s,
        detail = %(detail)s, heard_at = %(now)s,
        ended_at = CASE WHEN %(status)s <> 'IN_PROGRESS' THEN %(now)s::timestamptz END
    FROM was WHERE j.id = was.id
    RETURNING j.id, j.device_id, j.status, j.detail, was.status AS before
), logged AS (
    INSERT INTO audit (at, who, what, subject, why)
    SELECT %(now)s, 'device:' || device_id, 'job.' || status, 'job:' || id, detail
    FROM moved WHERE status <> before
)
SELECT id FROM moved
"""

_JOB = """
SELECT DISTINCT ON (j.device_id) j.id, j.device_id, r.kind, r.name, r.version, r.digest, r.object_key, r.size,
    c.forced
FROM jobs j
JOIN campaigns c ON c.id = j.campaign_id
JOIN releases r ON r.digest = c.release_digest
"""

# A halted or aborted campaign hands out nothing more, also to those who are in the middle of it.
_PENDING = f"""{_JOB}
WHERE j.device_id = ANY(%(devices)s) AND c.status NOT IN ('HALTED', 'ABORTED')
    AND (j.status = 'IN_PROGRESS' OR (j.status = 'QUEUED' AND c.status = 'RUNNING'))
ORDER BY j.device_id, j.status, j.id
"""

_NEW = f"""{_JOB}
JOIN presence p ON p.device_id = j.device_id AND p.online
WHERE j.status = 'QUEUED' AND c.status = 'RUNNING' AND (j.notified_at IS NULL OR j.notified_at < %(again)s)
ORDER BY j.device_id, j.id
LIMIT %(limit)s
"""
