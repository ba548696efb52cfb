"""One simulated device: on the line, in its job, and away, as its kind says."""

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import pi, sin
from random import Random
from zlib import crc32

from tools.fleet import lies
from tools.fleet.identities import Identity
from tools.fleet.kinds import Kind
from tools.fleet.link import Link, LinkLost, Where, connect
from wire import topics

log = logging.getLogger(__name__)

BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.5, 15.0
REBOOT_S = 0.3
AT_ONCE_S = 0.2  # in a storm


@dataclass
class Timing:
    """Seconds; each wait is drawn from +-50 % around it, the heartbeat's from +-20 %."""

    step_s: float = 1.0
    heartbeat_s: float = 60.0
    stay_s: float = 10.0  # of one that comes and goes
    keepalive_s: int = 30
    connect_timeout_s: float = 30.0
    at_once: bool = False  # come back without a pause: a storm


@dataclass
class World:
    """What the devices of a fleet share."""

    where: Where
    timing: Timing = field(default_factory=Timing)
    random: Random = field(default_factory=lambda: Random(1))
    counts: Counter = field(default_factory=Counter)
    fetch: Callable[[str], Awaitable[bool]] | None = None  # whether the release could be had
    handshakes: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(200))

    def about(self, seconds: float, share: float = 0.5) -> float:
        return seconds * self.random.uniform(1 - share, 1 + share)


@dataclass
class Record:
    """What the device itself knows of one job: how often it was begun, and its last word."""

    told: int = 0
    begun: int = 0
    last: dict | None = None
    trace: dict[str, str] = field(default_factory=dict)  # of the notification, given back
    acknowledged: bool = False


class Device:
    """`live` runs for ever. `jobs` is kept over restarts, as a device keeps /data/job.json."""

    __slots__ = ("_hushed", "_leaving", "_working", "id", "identity", "jobs", "kind", "kind_name", "link", "online",
                 "version", "world")  # fmt: skip

    def __init__(self, identity: Identity, kind_name: str, kind: Kind, world: World, version: str = "1.0.0"):
        self.id, self.identity, self.kind_name, self.kind = identity.id, identity, kind_name, kind
        self.world, self.version = world, version
        self.jobs: dict[str, Record] = {}
        self.link: Link | None = None
        self.online = asyncio.Event()  # there, and subscribed
        self._working: asyncio.Task | None = None
        self._leaving, self._hushed = 0.0, False

    # -- the line

    async def live(self) -> None:
        pause_s = BACKOFF_FIRST_S
        try:
            while True:
                try:
                    await self._session()
                    pause_s = BACKOFF_FIRST_S
                except (LinkLost, OSError) as error:  # TimeoutError and ssl.SSLError are OSErrors
                    self.world.counts[f"lost: {_words(error)}"] += 1
                    pause_s = min(pause_s * 2, BACKOFF_MAX_S)
                if self._leaving:
                    await asyncio.sleep(self._leaving)
                    self._leaving = 0.0
                else:
                    at_once = self.world.timing.at_once
                    await asyncio.sleep(self.world.about(AT_ONCE_S if at_once else pause_s))
        finally:
            if self._working:
                self._working.cancel()

    async def _session(self) -> None:
        """From a connection to its end. Raises what `connect` does, and LinkLost if it ended by itself."""
        world, timing = self.world, self.world.timing
        will = topics.topic(self.id, "presence"), _json(online=False, since=None)
        async with world.handshakes:
            ca = world.where.ca
            tls = self.identity.context(ca) if ca else None
            link = self.link = await connect(
                world.where, self.id, self._heard, tls=tls, will=will, keepalive_s=timing.keepalive_s,
                timeout_s=timing.connect_timeout_s,
            )  # fmt: skip
        try:
            await self._greet(link)
            world.counts["connected"] += 1
            self.online.set()
            await self._stay(link)
        finally:
            self.online.clear()
            self.link = None
            await link.close()
        if not self._leaving:
            raise LinkLost("ended by the broker")

    async def _greet(self, link: Link) -> None:
        """As the firmware does: subscribed first, then present, then it asks."""
        await link.subscribe(topics.topic(self.id, "jobs/notify"))
        since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        await link.publish(topics.topic(self.id, "presence"), _json(online=True, since=since), retain=True)
        await link.publish(topics.topic(self.id, "heartbeat"), self.heartbeat())
        await link.publish(topics.topic(self.id, "jobs/get"), _json())

    async def _stay(self, link: Link) -> None:
        """Heartbeats until the link ends, or the device leaves."""
        timing, leave_at = self.world.timing, None
        if self.kind.share_online < 1:
            leave_at = asyncio.get_running_loop().time() + self.world.about(timing.stay_s)
        while not link.closed.done():
            wait_s = self.world.about(timing.heartbeat_s, 0.2)
            if leave_at is not None:
                wait_s = min(wait_s, max(0.0, leave_at - asyncio.get_running_loop().time()))
            if (await asyncio.wait([link.closed], timeout=wait_s))[0]:
                return
            if leave_at is not None and asyncio.get_running_loop().time() >= leave_at:
                away_s = timing.stay_s * (1 / self.kind.share_online - 1)
                self.leave(self.world.about(away_s))
                return
            await link.publish(topics.topic(self.id, "heartbeat"), self.heartbeat())
            if self.kind.lies:
                await self._lie(link, lies.telemetry(self.world.random))

    def leave(self, for_s: float) -> None:
        """Go away without a word, and come back."""
        self._leaving = for_s
        if self.link:
            self.link.cut()

    def heartbeat(self) -> bytes:
        self.world.counts["heartbeats"] += 1
        return _json(
            **_condition(self.id, time.time()), slot="a", uptime_s=60, mem_free=100_000,
            versions={"app": self.version, "runtime": "1.26.0"}, counters={},
        )  # fmt: skip

    async def _lie(self, link: Link, told) -> None:
        for name, payload in told:
            self.world.counts["lies"] += 1
            await link.publish(topics.topic(self.id, name), payload)

    # -- the job

    def _heard(self, topic: str, payload: bytes) -> None:
        if topics.parse(topic) != (self.id, "jobs/notify"):
            self.world.counts["foreign messages"] += 1
            return
        told = json.loads(payload)
        self.world.counts["notified"] += 1
        if told["job"] is not None:
            self._take(told)

    def _take(self, told: dict) -> None:
        """Begin it, or, if it has ended, say again how."""
        record = self.jobs.setdefault(told["job"], Record())
        record.told += 1
        if self._working and not self._working.done():
            return
        if self._hushed and record.begun:
            return
        if record.last is None:
            record.begun += 1
            record.trace = {name: told[name] for name in ("trace",) if name in told}
            self._hushed = False
            work = self._work(told, record)
        elif record.last["status"] in topics.ENDED:
            work = self._say(told["job"], record)
        else:
            return
        self._working = asyncio.create_task(work, name=f"{self.id} job {told['job']}")
        self._working.add_done_callback(self._worked)

    def _worked(self, task: asyncio.Task) -> None:
        if not task.cancelled() and (error := task.exception()):
            log.critical("%s died", task.get_name(), exc_info=error)
            self.world.counts[f"died: {_words(error)}"] += 1

    async def _work(self, told: dict, record: Record) -> None:
        job, kind = told["job"], self.kind
        await asyncio.sleep(told.get("wait_s", 0))
        if self.world.fetch and kind.ends == topics.SUCCEEDED:
            await self._fetch(told["url"])
        if kind.lies and self.link:
            try:
                await self._lie(self.link, lies.updates(job, self.world.random))
            except LinkLost:
                self.world.counts["lies cut short"] += 1
        for step in topics.STEPS[:4]:
            if step == "trial" and kind.restarts:
                self.leave(self.world.about(REBOOT_S))
            await self._say(job, record, status=topics.IN_PROGRESS, step=step, progress_pct=0, detail="")
            await asyncio.sleep(self.world.about(self.world.timing.step_s * kind.pace))
            if step == kind.last_step:
                break
        if kind.ends is None:
            self._hushed = True
            return
        if kind.ends == topics.SUCCEEDED:
            self.version = told["version"]
        await self._say(
            job, record, status=kind.ends, step=kind.last_step, progress_pct=100, detail=kind.detail
        )

    async def _fetch(self, url: str) -> None:
        """The first bytes of the release, as the URL that was minted for this device gives them."""
        assert self.world.fetch
        while not await self.world.fetch(url):
            self.world.counts["fetched again"] += 1
            await asyncio.sleep(self.world.about(BACKOFF_FIRST_S))

    async def _say(self, job: str, record: Record, **words: object) -> None:
        """Said until the broker has it, over as many connections as that takes."""
        record.last = words or record.last
        record.acknowledged = False
        assert record.last
        while not record.acknowledged:
            await self.online.wait()
            try:
                assert self.link
                said = _json(**record.last, **record.trace)
                await self.link.publish(topics.topic(self.id, f"jobs/{job}/update"), said)
                record.acknowledged = True
            except LinkLost:
                self.world.counts["said again"] += 1
                await asyncio.sleep(0)  # `online` is cleared by the session that has ended


def _condition(device_id: str, now_s: float) -> dict:
    """Its state, cell and temperature: up and down over hours, each device at its own moment."""
    turn = crc32(device_id.encode()) % 1000 / 1000
    soc_pct = round(58 + 40 * sin(2 * pi * (now_s / 14_400 + turn)))
    temp_decic = round(240 + 130 * turn + 90 * sin(2 * pi * (now_s / 9_000 + 7 * turn)))
    at_work = (now_s / 1_800 + 3 * turn) % 1
    state = "IDLE" if at_work < 0.7 else "RECORD" if at_work < 0.95 else "DISCHARGE"
    return {"state": state, "vbat_mv": 3350 + 8 * soc_pct, "soc_pct": soc_pct, "temp_decic": temp_decic}


def _words(error: BaseException) -> str:
    return (str(error) or type(error).__name__).split(": ")[-1][:60]


def _json(**fields: object) -> bytes:
    return json.dumps({"v": topics.VERSION, **fields}).encode()
