"""Jobs, moved by what devices say of them. This alone moves a job by a device's word, whatever it speaks."""

import asyncio
import logging
from datetime import datetime
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from cloud.bus import Message
from cloud.changes import Tell, nobody
from cloud.db import NO_NUL, Connection, Pool
from cloud.observe import metrics, tracing
from cloud.ota.notifier import URL_LIFE_S, Notifier
from cloud.web import Clock
from wire import topics

__all__ = ["TOPICS", "URL_LIFE_S", "Jobs", "Notifier", "Update"]

TOPICS = ("jobs/get", "jobs/+/update")

log = logging.getLogger(__name__)


def _step(text: str) -> str:
    if text not in ("", *topics.STEPS):
        raise ValueError(f"is none of {', '.join(topics.STEPS)}")
    return text


class Update(BaseModel):
    """What a device says about its job: only these words are its own to say.

    `deferred` is why it puts the job off, begun or not. CANCELED counts only when its campaign was stopped.
    """

    v: Literal[1]
    status: Literal["QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED", "CANCELED"]
    step: Annotated[str, AfterValidator(_step)] = ""
    progress_pct: Annotated[int, Field(ge=0, le=100)] = 0
    detail: Annotated[str, Field(max_length=500, pattern=NO_NUL)] = ""
    deferred: Annotated[str, Field(max_length=200, pattern=NO_NUL)] = ""
    trace: Annotated[str, BeforeValidator(tracing.valid)] = ""  # of jobs/notify, given back as it was

    @model_validator(mode="after")
    def _queued_is_deferred(self) -> "Update":
        if self.status == "QUEUED" and not self.deferred:
            raise ValueError("a device says QUEUED only of a job that it defers")
        return self


class _Said(NamedTuple):
    device: str
    job: int
    update: Update


def _job_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) < 2**63):
        raise ValueError(f"no job is named {text[:40]!r}")
    return int(text)


class Jobs:
    """`handle` commits a batch's statuses before it returns; `wake` is for the scheduler."""

    def __init__(
        self, pool: Pool, notifier: Notifier, clock: Clock, wake: asyncio.Event, tell: Tell = nobody
    ):
        self.dropped, self._tell = 0, tell
        self._pool, self._notifier, self._clock, self._wake = pool, notifier, clock, wake

    async def handle(self, batch: list[Message]) -> None:
        asking = [message.device for message in batch if message.name == "jobs/get"]
        asking += await self._commit([m for m in batch if m.name.endswith("/update")])
        await self._notifier.answer(asking)

    async def _commit(self, messages: list[Message]) -> list[str]:
        """One transaction; returns the devices whose word came too late: they are told what they have now."""
        said = [each for each in map(self._read, messages) if each]
        if not said:
            return []
        with tracing.hearing(map(_traced, said)) as spans:
            late = await self._move_all(said)
            for each, span in ((said[place], span) for place, span in spans.items()):
                if each in late:
                    tracing.refuse(span, "not its to move")
        for each in late:
            log.warning(
                "%s says %s of job %d, which is not its to move", *each[:1], each.update.status, each.job
            )
        self._wake.set()
        return [each.device for each in late]

    async def _move_all(self, said: list[_Said]) -> list[_Said]:
        """In one transaction; returns what moved nothing."""
        moved: list[dict] = []
        late = []
        async with self._pool.connection() as connection:
            for words in _rounds(said):
                rows = await _move(connection, words, self._clock())
                ids = {row["id"] for row in rows}
                late += [each for each in words if each.job not in ids]
                moved += rows
        _count(moved)
        self._tell("device", {row["device_id"] for row in moved})
        self._tell("campaign", {row["campaign_id"] for row in moved})
        return late

    def _read(self, message: Message) -> _Said | None:
        job = message.name.split("/")[1]
        try:
            return _Said(message.device, _job_number(job), Update.model_validate_json(message.payload))
        except ValueError as error:  # ValidationError is one
            self.dropped += 1
            metrics.UNFIT.labels("jobs/+/update").inc()
            log.warning("dropped a job update of %s: %.200r", message.device, str(error))
            return None


def _rounds(said: list[_Said]) -> list[list[_Said]]:
    """In each round a job comes once, and what was said of it first comes first."""
    rounds: list[list[_Said]] = []
    seen: dict[int, int] = {}
    for each in said:
        number = seen.get(each.job, 0)
        seen[each.job] = number + 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(each)
    return rounds


def _traced(said: _Said) -> tuple[str, int, str, dict[str, str]]:
    update = said.update
    about = {name: getattr(update, name) for name in ("status", "step", "detail", "deferred")}
    return said.device, said.job, update.trace, about


def _count(moved: list[dict]) -> None:
    for row in moved:
        metrics.REPORTS.labels(row["status"]).inc()
        if row["status"] == topics.SUCCEEDED and row["action"] == "install":
            metrics.UPDATE.labels(row["kind"]).observe(row["took_s"])


async def _move(connection: Connection, said: list[_Said], now: datetime) -> list[dict]:
    """The jobs that moved; the others have ended, or are another device's."""
    updates = [each.update for each in said]
    names = ("status", "step", "progress_pct", "detail", "deferred")
    params = {name: [getattr(update, name) for update in updates] for name in names}
    params |= {"devices": [each.device for each in said], "jobs": [each.job for each in said]}
    rows = await connection.execute(_MOVE, params | {"now": now})
    return await rows.fetchall()


# A job moves as long as it has not ended, by the word of its own device only. Locked in the order of their numbers.
_MOVE = """
WITH said AS (
    SELECT * FROM unnest(%(devices)s::text[], %(jobs)s::bigint[], %(status)s::text[], %(step)s::text[],
        %(progress_pct)s::integer[], %(detail)s::text[], %(deferred)s::text[])
        AS s (device, job, status, step, progress_pct, detail, deferred)
), was AS (
    SELECT j.id, j.status AS before, j.deferred AS deferred_before, s.*,
        CASE s.status WHEN 'QUEUED' THEN j.status ELSE s.status END AS after
    FROM said s JOIN jobs j ON j.id = s.job AND j.device_id = s.device
    JOIN campaigns c ON c.id = j.campaign_id
    WHERE j.status IN ('QUEUED', 'IN_PROGRESS')
        AND (s.status <> 'CANCELED' OR c.status IN ('HALTED', 'ABORTED'))
    ORDER BY j.id FOR UPDATE OF j
), moved AS (
    UPDATE jobs j SET status = was.after, step = was.step, progress_pct = was.progress_pct,
        detail = was.detail, deferred = CASE WHEN was.after IN ('QUEUED', 'IN_PROGRESS') THEN was.deferred ELSE '' END,
        heard_at = %(now)s,
        ended_at = CASE WHEN was.after NOT IN ('QUEUED', 'IN_PROGRESS') THEN %(now)s::timestamptz END
    FROM was WHERE j.id = was.id
    RETURNING j.id, j.device_id, j.campaign_id, j.kind, j.action, j.created_at, j.status, j.detail, j.deferred,
        was.before, was.deferred_before
), logged AS (
    INSERT INTO audit (at, who, what, subject, why)
    SELECT %(now)s, 'device:' || device_id, 'job.' || CASE WHEN status <> before THEN status ELSE 'DEFERRED' END,
        'job:' || id, CASE WHEN status <> before THEN detail ELSE deferred END
    FROM moved WHERE status <> before OR (deferred <> '' AND deferred_before = '')
)
SELECT id, device_id, campaign_id, kind, action, status,
    extract(epoch FROM %(now)s - created_at)::double precision AS took_s FROM moved
"""
