"""The other half of commands and twins: what goes out to the devices, and what comes back."""

import asyncio
import logging
from collections import Counter

import psycopg
from psycopg_pool import PoolTimeout
from pydantic import ValidationError

from cloud.bus import Bus, Message
from cloud.changes import Tell, nobody
from cloud.db import Pool
from cloud.observe import metrics
from cloud.registration import commands, twins
from cloud.web import Clock

NAMES = ("commands/+/result", "config/reported")
LOOK_EVERY_S = 1.0

log = logging.getLogger(__name__)


class Control:
    """`handle` is for a bus of NAMES; `wake` makes `run` look at once. `dropped` counts what could not be kept."""

    def __init__(self, pool: Pool, clock: Clock, tell: Tell = nobody):
        self.wake = asyncio.Event()
        self.dropped: Counter[str] = Counter()
        self._pool, self._clock, self._tell = pool, clock, tell

    async def run(self, bus: Bus) -> None:
        """For ever."""
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self.wake.wait()
            except TimeoutError:
                pass  # devices come online, and commands expire, without a word to us
            self.wake.clear()
            try:
                more = await commands.send(self._pool, bus, self._clock())
                if await twins.send(self._pool, bus) or more:
                    self.wake.set()
            except (psycopg.Error, PoolTimeout) as error:
                log.error("commands and settings wait for the database: %s", error)

    async def handle(self, batch: list[Message]) -> None:
        for message in batch:
            try:
                await self._keep(message)
            except (ValidationError, psycopg.DataError) as error:
                self._drop(message, str(error))
        self._tell("device", {message.device for message in batch})

    async def _keep(self, message: Message) -> None:
        now = self._clock()
        if message.name == "config/reported":
            reported = twins.Reported.model_validate_json(message.payload)
            async with self._pool.connection() as connection:
                await twins.store(connection, message.device, reported, now)
        else:
            result = commands.Result.model_validate_json(message.payload)
            name = message.name.split("/")[1]
            async with self._pool.connection() as connection:
                if not await commands.store(connection, message.device, name, result, now):
                    self._drop(message, f"command {result.id} is not waiting for it")

    def _drop(self, message: Message, why: str) -> None:
        self.dropped[message.name.rpartition("/")[2]] += 1
        metrics.UNFIT.labels(metrics.topic_of(message.name)).inc()
        log.warning("dropped a %.80s of %s: %.200s", message.name, message.device, why)
