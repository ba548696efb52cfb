"""The maintenance discharge: the load in periods, and the voltage looked at after a rest, when it does not sag."""

import asyncio

from micropython import const

_ON_S = const(60)
_REST_S = const(60)
TARGET_MV = const(3600)


class Discharge:
    """`start` on entry, `stop` on exit. Its end is a trigger of the state machine."""

    def __init__(self, load, safety, machine, log):
        self._load, self._safety, self._machine, self._log = load, safety, machine, log
        self._task = None

    def start(self):
        self._task = asyncio.create_task(self._run())

    def stop(self):
        self._load.off()
        if self._task:
            self._task.cancel()
            self._task = None

    async def _run(self):
        while True:
            self._load.set(100)
            await asyncio.sleep(_ON_S)
            self._load.off()
            await asyncio.sleep(_REST_S)
            self._log.info(f"discharge: {self._safety.vbat_mv} mV at rest, target {TARGET_MV} mV")
            if self._safety.vbat_mv <= TARGET_MV:
                asyncio.create_task(self._reached())
                return

    async def _reached(self):
        """In a task of its own: leaving the state cancels the other."""
        self._machine.fire(("target shutdown",))
