"""The device's life online: join, set the clock, enrol, a session with the broker, and again when it ends.

Made once: `net = Network(ctx)`, then `net.run()` as a task while WiFi is on; cancel it to go offline.
`net.event(kind, **fields)` may be called at any time, `net.online()` is for the self-test, `net.jobs` for the
trial. What it needs is handed in as attributes of `ctx`:

    device          {"id", "board", "cloud"} of /etc/device.json
    versions        {"app", "runtime"} that run
    slot            "a" | "b" that runs
    join()          async: the network is up when it returns; OSError with words if it can't be
    set_clock()     async: called when the clock's year is before 2025; OSError if it can't be set
    status()        the heartbeat's fields: state, vbat_mv, soc_pct, temp_decic, versions, slot, uptime_s,
                    mem_free, and counters if there are any
    heartbeat_s()   seconds between heartbeats
    private()       whether nothing may be sent
    defer_reason()  why no update now ("recording", "battery 3650 mV"), or None
    reset(reason)   restarts the device, after an update
    log(text)       one line for the log
    buffer          4 KiB for downloads
    root            in front of every path; "" on a board
"""

import asyncio

from micropython import const

from app import config, tls
from app.jobs import Jobs
from app.link import Backoff, Link, NetworkError
from app.mqtt import Client
from app.outcomes import Refused
from app.race import race
from app.telemetry import Telemetry, clock_is_sane
from bootloader import bootctl
from wire import topics

_PRIVATE_POLL_MS = const(500)


class Network:
    def __init__(self, ctx):
        device_id = ctx.device["id"]
        self._ctx = ctx
        self._telemetry = Telemetry(device_id, ctx.status, ctx.private, ctx.heartbeat_s)
        self.event = self._telemetry.event
        self.jobs = Jobs(device_id, self._install, self.event, ctx.reset, ctx.log, ctx.root)
        self.jobs.settle(bootctl.load(ctx.root))
        self._mqtt = Client(device_id, self._on_message, self._telemetry.will())
        self._backoff = Backoff()

    def online(self):
        """Whether the broker is reached; None if it may not be, in private mode."""
        return None if self._ctx.private() else self._mqtt.connected

    async def run(self):
        """For ever. What it raises is a fault of the program."""
        while True:
            while self._ctx.private():
                await asyncio.sleep_ms(_PRIVATE_POLL_MS)
            try:
                await self._session()
            except (NetworkError, OSError) as error:
                self._ctx.log(f"network: {error}")
            await self._backoff.pause()

    async def _session(self):
        ctx = self._ctx
        await ctx.join()
        if not clock_is_sane():
            await ctx.set_clock()
        if not config.exists(ctx.root + "/etc/cert.der"):
            await self._enrol()
        where = config.read_json(ctx.root + "/etc/mqtt.json")
        link = Link(where["host"], where["port"])
        try:
            await link.open(self._tls(with_certificate=True))
            await self._mqtt.connect(link)
            self._backoff.reset()
            ctx.log(f"network: online at {link.name}")
            await _until_one_ends(
                receive=self._mqtt.receive(),
                ping=self._mqtt.ping(),
                serve=self._serve(),
                private=self._private(),
            )
        finally:
            # without goodbye, so that the broker tells the rest by our will, also when private and silent
            await self._mqtt.close(say_goodbye=False)
            await link.close()

    async def _serve(self):
        mqtt, telemetry, jobs = self._mqtt, self._telemetry, self.jobs
        await mqtt.subscribe(topics.topic(self._ctx.device["id"], "jobs/notify"))
        await telemetry.announce(mqtt)
        await _until_one_ends(
            beat=telemetry.beat(mqtt),
            events=telemetry.send_events(mqtt),
            report=jobs.report(mqtt),
            work=jobs.work(mqtt),
        )

    async def _private(self):
        while not self._ctx.private():
            await asyncio.sleep_ms(_PRIVATE_POLL_MS)

    async def _enrol(self):
        ctx = self._ctx
        from app import enrol, http  # once in a device's life

        client = http.Client(self._tls())
        try:
            await enrol.enrol(ctx.device, ctx.versions, client, ctx.root)
            ctx.log("network: enrolled")
        finally:
            await client.close()

    async def _install(self, job, new_url, progress):
        ctx = self._ctx
        if job["kind"] != "app":
            raise Refused(f"a release of kind {job['kind']} can't be installed by this version")
        from app import http, update  # big, and seldom needed

        client = http.Client(self._tls())
        device = update.Device(
            ctx.device["board"], ctx.versions, ctx.slot, ctx.defer_reason, ctx.buffer, ctx.root
        )
        try:
            result = await update.install(device, job, client, new_url, progress, log=ctx.log)
        finally:
            await client.close()
        reused = f"{result.chunks_reused} of {result.chunks} chunks were here"
        ctx.log(
            f"update: {result.version} in slot {result.slot}, {result.bytes_fetched} bytes fetched, {reused}"
        )

    def _on_message(self, topic, payload):
        if topics.parse(topic) == (self._ctx.device["id"], "jobs/notify"):
            self.jobs.on_notify(payload)

    def _tls(self, with_certificate=False):
        etc = self._ctx.root + "/etc/"
        names = ("ca.der", "cert.der", "key.der") if with_certificate else ("ca.der",)
        try:
            return tls.context(*[config.read(etc + name) for name in names])
        except ValueError as error:
            raise NetworkError(f"a certificate or key in {etc} can't be read: {error}") from None


async def _until_one_ends(**named):
    _, error = await race(**named)
    if error:
        raise error
