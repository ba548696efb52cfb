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
    log_lines()     the last lines of the log
    settings()      app.settings.Settings
    indicators()    board.indicators.Indicators; show() puts them back to what they show by themselves
    buffer          4 KiB for downloads
    runtime()       board/runtime's Runtime, or None
    root            in front of every path; "" on a board
"""

import asyncio

from micropython import const

from app import config, tls
from app.control import Control
from app.jobs import Jobs
from app.link import Backoff, Link, NetworkError
from app.mqtt import Client
from app.race import race
from app.telemetry import Telemetry, clock_is_sane
from app.tidy import Tidy
from bootloader import bootctl
from bootloader.modules import unload
from wire import topics

_PRIVATE_POLL_MS = const(500)


class Network:
    def __init__(self, ctx):
        device_id = ctx.device["id"]
        self._ctx = ctx
        self._telemetry = Telemetry(device_id, ctx.status, ctx.private, ctx.heartbeat_s)
        self.event = self._telemetry.event
        self.jobs = Jobs(device_id, self._install, ctx.reset, ctx.log, ctx.root)
        self.jobs.settle(bootctl.load(ctx.root))
        self._control = Control(ctx, self._rotate)
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
        if config.exists(ctx.root + "/etc/cert-new.der"):
            await self._take_up_rotation()
        where = config.read_json(ctx.root + "/etc/mqtt.json")
        link = Link(where["host"], where["port"])
        try:
            await link.open(self._tls("cert", "key"))
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
        for name in ("jobs/notify", "commands/+", "config/desired"):
            await mqtt.subscribe(topics.topic(self._ctx.device["id"], name))
        await telemetry.announce(mqtt)
        await _until_one_ends(
            beat=telemetry.beat(mqtt),
            events=telemetry.send_events(mqtt),
            report=jobs.report(mqtt),
            work=jobs.work(mqtt),
            control=self._control.work(mqtt),
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

    async def _take_up_rotation(self):
        """It was cut in the middle: perhaps the certificate in use is revoked already, perhaps not."""
        try:
            await self._rotate()
        except NetworkError as error:
            self._ctx.log(f"certificate: {error}")

    async def _rotate(self):
        from app import http, rotate  # a few times a year

        def client():
            return http.Client(self._tls("cert", "key"))

        def new_client():
            return http.Client(self._tls("cert-new", "key-new"))

        try:
            await rotate.rotate(self._ctx.device, client, new_client, self._ctx.root)
            self._ctx.log("network: a new certificate")
        finally:
            unload("app.rotate")

    async def _install(self, job, new_url, progress):
        with Tidy():
            return await self._update(job, new_url, progress)

    async def _update(self, job, new_url, progress):
        ctx = self._ctx
        from app import http, update  # big, and seldom needed

        client = http.Client(self._tls())
        device = update.Device(
            ctx.device["board"], ctx.versions, ctx.slot, ctx.defer_reason, ctx.buffer, ctx.root, ctx.runtime()
        )
        try:
            result = await update.install(device, job, client, new_url, progress, log=ctx.log)
        finally:
            await client.close()
        reused = f"{result.chunks_reused} of {result.chunks} chunks were here"
        ctx.log(f"update: {result.version} in {result.slot}, {result.bytes_fetched} bytes fetched, {reused}")
        return result

    def _on_message(self, topic, payload):
        device_id, name = topics.parse(topic)
        if device_id != self._ctx.device["id"]:
            return
        if name == "jobs/notify":
            self.jobs.on_notify(payload)
        elif name == "config/desired" or name.startswith("commands/"):
            self._control.on_message(name, payload)

    def _tls(self, *pair):
        """`pair`: names of the certificate and the key to be shown, if any."""
        etc = self._ctx.root + "/etc/"
        try:
            shown = [config.read(etc + name + ".der") for name in pair]
            return tls.context(config.read(etc + "ca.der"), *shown)
        except ValueError as error:
            raise NetworkError(f"a certificate or key in {etc} can't be read: {error}") from None


async def _until_one_ends(**named):
    _, error = await race(**named)
    if error:
        raise error
