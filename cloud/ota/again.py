"""After a broker that forgot: what devices said while nobody listened is asked for again.

A broker that was killed comes back without its sessions. Devices may be back before this service, and what they say
then is acknowledged and goes to nobody: a question, or how a job ended. They don't know, so they are told of their
jobs once more; one that has ended a job says again how, and one at work on it does nothing.
"""

import asyncio
import logging
from collections.abc import Callable

import psycopg
from psycopg_pool import PoolTimeout

from cloud.bus import Bus
from cloud.db import Pool
from cloud.ota.notifier import NOTIFIED_AT_ONCE, Notifier

LOOK_EVERY_S = 1.0

log = logging.getLogger(__name__)


async def tell_again(pool: Pool, bus: Bus, notifier: Notifier, leads: Callable[[], bool]) -> None:
    """For ever: whenever the bus has connected anew, and this process leads, once through all open jobs."""
    done = 0
    while True:
        await asyncio.sleep(
            LOOK_EVERY_S
        )  # a connection that came and went between two looks is seen by its number
        connection = bus.connections
        if connection == done or not bus.connected.is_set() or not leads():
            continue
        try:
            told = await _through(pool, notifier)
        except (psycopg.Error, PoolTimeout) as error:
            log.error("devices are not told again yet: %s", error)
            continue
        done = connection
        log.info("%d devices with open jobs were told of them again", told)


async def _through(pool: Pool, notifier: Notifier) -> int:
    told, last = 0, 0
    while True:
        async with pool.connection() as connection:
            rows = await (await connection.execute(_OPEN, [last, NOTIFIED_AT_ONCE])).fetchall()
        if not rows:
            return told
        told, last = told + len(rows), rows[-1]["id"]
        await notifier.remind(row["device_id"] for row in rows)


_OPEN = """
SELECT j.id, j.device_id FROM jobs j JOIN presence p ON p.device_id = j.device_id AND p.online
WHERE j.id > %s AND (j.status = 'IN_PROGRESS' OR (j.status = 'QUEUED' AND j.notified_at IS NOT NULL))
ORDER BY j.id LIMIT %s
"""
