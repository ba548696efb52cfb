"""A fleet: its devices, started and ended together, and what is known of them at any moment.

async with Fleet(where, identities, {"healthy": 9, "failing": 1}).running() as fleet:
    await fleet.all_online()
"""

import asyncio
import resource
import ssl
from asyncio.sslproto import SSLProtocol
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import httpx

from tools.fleet.device import Device, Timing, World
from tools.fleet.identities import Identity
from tools.fleet.kinds import KINDS, assign
from tools.fleet.link import Where

ASK_EVERY_S = 0.05
SPARE_FILES = 200  # beside one for each device
TLS_BUFFER_BYTES = 16 * 1024  # a TLS record


class TooMany(ValueError):
    """More devices than this process may have open files."""


class Fleet:
    def __init__(
        self,
        where: Where,
        identities: list[Identity],
        parts: dict[str, int] | None = None,
        timing: Timing | None = None,
        seed: int = 1,
        version: str = "1.0.0",
    ):
        allow_files(len(identities) + SPARE_FILES)
        SSLProtocol.max_size = TLS_BUFFER_BYTES  # of asyncio, for each connection: 256 KiB, filled with zeros
        self.world = World(where, timing or Timing(), Random(seed))
        kinds = assign(len(identities), parts or {"healthy": 1})
        self.devices = [
            Device(identity, kind, KINDS[kind], self.world, version)
            for identity, kind in zip(identities, kinds, strict=True)
        ]

    @asynccontextmanager
    async def running(self, over_s: float = 0.0) -> AsyncIterator["Fleet"]:
        """All of them alive; they arrive spread over `over_s` seconds."""
        tasks = [
            asyncio.create_task(self._arrive(device, self.world.random.uniform(0, over_s)), name=device.id)
            for device in self.devices
        ]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            if errors := [each for each in ended if isinstance(each, Exception)]:
                raise ExceptionGroup("simulated devices died", errors)

    @asynccontextmanager
    async def fetching(self, ca: str) -> AsyncIterator[None]:
        """While this lasts, devices that update fetch the beginning of their release, each by its own URL."""
        trusted = ssl.create_default_context(cafile=ca)
        async with httpx.AsyncClient(verify=trusted, trust_env=False, timeout=10) as client:

            async def fetch(url: str) -> bool:
                try:
                    answer = await client.get(url, headers={"Range": "bytes=0-1023"})
                except httpx.TransportError:
                    return False
                self.world.counts[f"fetched: {answer.status_code}"] += 1
                return answer.status_code == 206

            self.world.fetch = fetch
            try:
                yield
            finally:
                self.world.fetch = None

    async def _arrive(self, device: Device, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await device.live()

    @property
    def ids(self) -> list[str]:
        return [device.id for device in self.devices]

    @property
    def online(self) -> int:
        return sum(device.online.is_set() for device in self.devices)

    async def all_online(self, within_s: float = 120.0) -> None:
        """All but those of a kind that comes and goes. Raises TimeoutError."""
        there = [device for device in self.devices if device.kind.share_online == 1]
        async with asyncio.timeout(within_s):
            await asyncio.gather(*(device.online.wait() for device in there))

    def outcomes(self) -> Counter:
        """{(kind, last status said)}: how the jobs stand, by the devices' own word."""
        return Counter(
            (device.kind_name, record.last["status"] if record.last else "QUEUED")
            for device in self.devices
            for record in device.jobs.values()
        )

    def began(self) -> int:
        """How many devices began any job: those that took what a campaign brings."""
        return sum(any(record.begun for record in device.jobs.values()) for device in self.devices)

    def twice(self) -> list[tuple[str, str]]:
        """(device, job) that was begun more than once: must be empty."""
        return [
            (device.id, job)
            for device in self.devices
            for job, record in device.jobs.items()
            if record.begun > 1
        ]


def allow_files(count: int) -> None:
    """Raises TooMany if so many open files are not allowed here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= count:
        return
    if hard < count:
        raise TooMany(
            f"{count} open files are needed, the limit is {hard}; raise it, or use several processes"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
