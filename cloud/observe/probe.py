"""Asking something that may hang, without hanging oneself."""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
from psycopg_pool import PoolTimeout


class Probe:
    """`ask` is done once at a time. Who waits for it does so no longer than it says.

    Cancelling a query on a server that is frozen takes longer than anybody here has.
    """

    def __init__(self, ask: Callable[[], Awaitable[None]], within_s: float):
        self.error = ""  # of the last time
        self._ask, self._within_s = ask, within_s
        self._asking: asyncio.Task | None = None

    async def answers(self) -> bool:
        """Whether it did, within its time and without an error of the database."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._once(), name="probe")
        done, _ = await asyncio.wait([self._asking], timeout=self._within_s)
        if not done:
            self.error = f"no answer within {self._within_s} s"
            return False
        return self._asking.result()

    async def _once(self) -> bool:
        try:
            async with asyncio.timeout(self._within_s):
                await self._ask()
        except (psycopg.Error, PoolTimeout, TimeoutError) as error:
            self.error = repr(error)
            return False
        self.error = ""
        return True
