"""The campaigns' scheduler: only the elected process acts, each tick is one transaction of SQL over sets.

A tick takes what is in the tables to what it should be: silent jobs time out, groups that reached their
threshold succeed, campaigns that reached theirs halt, the next group starts, its jobs are made, and campaigns
end. Every statement writes its audit rows itself. Nothing is remembered between two ticks, and no tick does more
than a certain number of jobs: what is left is for the next one, which then comes at once.
"""

import asyncio
import logging
from contextlib import suppress
from datetime import datetime

import httpx
import psycopg

from cloud import audit
from cloud.changes import Tell, nobody
from cloud.db import Connection, Pool
from cloud.observe.metrics import NO_TICK, TICK
from cloud.ota import retries
from cloud.ota.admission import admit
from cloud.ota.leader import Deposed, Election, fence
from cloud.ota.notifier import Notifier
from cloud.ota.ticks import CANCEL_JOBS, END_GROUPS, ENDINGS, JOBS_AT_ONCE, JUDGEMENT, SUCCESS
from cloud.web import Clock

ROLE = "campaigns"
TICK_S = 1.0

log = logging.getLogger(__name__)


class Scheduler:
    """`wake` makes the next tick come at once: set it when a job or a campaign has changed."""

    def __init__(
        self,
        pool: Pool,
        election: Election,
        notifier: Notifier,
        clock: Clock,
        wake: asyncio.Event,
        tell: Tell = nobody,
    ):
        self._pool, self._election, self._notifier = pool, election, notifier
        self._clock, self._wake, self._tell = clock, wake, tell

    async def run(self) -> None:
        while True:
            self._wake.clear()
            try:
                with NO_TICK.count_exceptions():
                    await self._tick_if_leading()
            except Deposed as error:
                log.error("no tick: %s", error)
                await self._stand_anew(error)
            except psycopg.Error as error:
                log.error("no tick: %s", error)
            except Exception:  # a leader that has stopped ticking would keep others from it
                log.exception("no tick")
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()

    async def _stand_anew(self, deposed: Deposed) -> None:
        try:
            await self._election.deposed(deposed.revision)
        except httpx.HTTPError as error:
            log.warning("etcd is not answering: %r", error)

    async def _tick_if_leading(self) -> None:
        revision = self._election.revision
        if revision is None:
            return
        with TICK.time():
            async with self._pool.connection() as connection:
                await fence(connection, ROLE, revision, self._election.holder)
                now, who = self._clock(), f"scheduler:{self._election.holder}@{revision}"
                more = await tick(connection, now, who)
                changed = await (await connection.execute(_CHANGED, {"now": now, "who": who})).fetchall()
        self._tell("campaign", [row["id"] for row in changed])
        if more:
            self._wake.set()
        await self._notifier.send_new()


async def tick(connection: Connection, now: datetime, who: str) -> bool:
    """Bring every campaign up to `now`, in the caller's transaction; whether there is more to be done at once."""
    # A lock on each: pausing or aborting waits for the tick, or the tick sees it done.
    live = await connection.execute(
        "SELECT id FROM campaigns WHERE status = 'RUNNING' ORDER BY id FOR UPDATE"
    )
    ids = [row["id"] for row in await live.fetchall()]
    params = {"ids": ids, "now": now, "who": who, "limit": JOBS_AT_ONCE}
    full = await _run(connection, ENDINGS, params)
    await retries.again(connection, ids, now, who)
    full |= await _run(connection, JUDGEMENT, params)
    full |= await admit(connection, ids, now, who)
    await _run(connection, SUCCESS, params)
    await _tell_of_halts(connection, now)
    return full | await audit.seal(connection)


async def _run(connection: Connection, statements: tuple[str, ...], params: dict) -> bool:
    """Whether one of them did as many jobs as a tick does at once."""
    counts = [(await connection.execute(statement, params)).rowcount for statement in statements]
    return any(count >= JOBS_AT_ONCE for count in counts)


async def _tell_of_halts(connection: Connection, now: datetime) -> None:
    halted = await connection.execute(
        "SELECT id, reason FROM campaigns WHERE status = 'HALTED' AND ended_at = %s", [now]
    )
    for row in await halted.fetchall():
        log.error("campaign %d HALTED: %s", row["id"], row["reason"])


async def cancel_queued(connection: Connection, campaign: int, now: datetime, who: str) -> None:
    """After a campaign has stopped: nobody takes a job of it any more. Of many jobs, ticks take back the rest."""
    for statement in (CANCEL_JOBS, END_GROUPS):
        await connection.execute(
            statement, {"ids": [campaign], "now": now, "who": who, "limit": JOBS_AT_ONCE}
        )


# Which campaigns are to be looked at again: all that live, if this tick has done anything.
_CHANGED = """
SELECT id FROM campaigns
WHERE (status IN ('RUNNING', 'PAUSED') OR ended_at = %(now)s)
    AND EXISTS (SELECT FROM audit WHERE who = %(who)s AND at = %(now)s)
"""
