"""What the cloud asks of this device beside updates: commands, settings, the next certificate; one after the other.

What does the work (app/commands, app/twin, app/rotate) is loaded for the time that it works.
"""

import asyncio

from micropython import const

from app import config
from app.link import NetworkError
from app.telemetry import utc
from bootloader.modules import unload

_WAITING = const(4)  # commands; of settings only the last that came counts
_COMMAND_BYTES = const(256)
_LOOK_MS = const(3_600_000)  # how often it is seen whether the certificate should be renewed


class Control:
    """`ctx` as of app.network; `rotate()` is async, and raises NetworkError."""

    def __init__(self, ctx, rotate):
        self._ctx, self._rotate = ctx, rotate
        self._waiting = []  # (command, payload)
        self._desired = None
        self._more = asyncio.Event()

    def on_message(self, name, payload):
        """A message of the cloud, `name` below the device's own prefix; to be called by the MQTT client."""
        if name == "config/desired":
            self._desired = bytes(payload)
        elif len(payload) > _COMMAND_BYTES or len(self._waiting) >= _WAITING:
            self._ctx.log(f"control: {name} of {len(payload)} bytes dropped")
        else:
            self._waiting.append((name.split("/")[1], bytes(payload)))
        self._more.set()

    async def work(self, mqtt):
        """Ends when a new connection is wanted, with the new certificate."""
        await self._report(mqtt)
        while True:
            self._more.clear()
            if self._desired is not None:
                desired, self._desired = self._desired, None
                await self._report(mqtt, desired)
            elif self._waiting:
                if await self._command(mqtt, *self._waiting.pop(0)):
                    return
            elif self._due() and await self._renew():
                return
            else:
                await self._wait()

    async def _wait(self):
        try:
            await asyncio.wait_for_ms(self._more.wait(), _LOOK_MS)
        except asyncio.TimeoutError:
            return

    def _due(self):
        where = config.read_json(self._ctx.root + "/etc/mqtt.json", {})
        now = utc()
        return bool(now and "renew" in where and where["renew"] <= now)

    async def _renew(self):
        """Whether there is a new certificate; without one this waits before it may be tried again."""
        try:
            await self._rotate()
            return True
        except (NetworkError, OSError) as error:
            self._ctx.log(f"certificate: {error}")
            await self._wait()
            return False

    async def _report(self, mqtt, desired=None):
        from app import twin

        try:
            await twin.report(self._ctx, mqtt, desired)
        finally:
            unload("app.twin")

    async def _command(self, mqtt, name, payload):
        """Whether a new connection is wanted."""
        from app import commands

        try:
            return await commands.run(self._ctx, mqtt, name, payload, self._rotate)
        finally:
            unload("app.commands")
