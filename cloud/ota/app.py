"""The OTA service as an ASGI app: `python -m cloud.serve ota`."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from fastapi import FastAPI, Request

from cloud import trust
from cloud.bus import Bus
from cloud.changes import Changes
from cloud.db import database
from cloud.limits import Limits
from cloud.liveconfig import LiveConfig
from cloud.objects import open_store
from cloud.observe import fleet
from cloud.observe.watch import watch
from cloud.ota import campaigns, history, moves, releases, stores, why
from cloud.ota.again import tell_again
from cloud.ota.ddi import routes as ddi
from cloud.ota.jobs import TOPICS, Jobs, Notifier
from cloud.ota.leader import LEASE_S, Election
from cloud.ota.scheduler import ROLE, Scheduler
from cloud.settings import Settings
from cloud.tasks import background
from cloud.web import Clock, new_app, utc_now

CLIENT_ID = "service-ota"


def create_app(
    settings: Settings | None = None,
    clock: Clock = utc_now,
    client_id: str = CLIENT_ID,
    lease_s: int = LEASE_S,
) -> FastAPI:
    """Without arguments: settings from the environment. Nothing is opened before the lifespan.

    `client_id` is the common name of its certificate, or begins with it and `-`: one for each process.
    """
    app = new_app("Fieldrec OTA", _lifespan)
    app.state.settings = settings or Settings.from_env(os.environ)
    app.state.clock, app.state.client_id, app.state.lease_s = clock, client_id, lease_s
    for part in (releases, stores, campaigns, moves, why, history):
        app.include_router(part.router)
    app.include_router(ddi.whole)
    app.add_api_route("/health", health)
    watch(app, "ota", fleet.OTA)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state, settings, clock = app.state, app.state.settings, app.state.clock
    state.wake = asyncio.Event()
    state.objects = open_store(settings)
    state.bus = Bus(settings, state.client_id, TOPICS)
    state.election = Election(
        settings.etcd_url,
        ROLE,
        f"{socket.gethostname()}:{os.getpid()}:{state.client_id}",
        state.wake,
        state.lease_s,
        trust.context(settings.ca_cert),
    )
    async with (
        database(settings.postgres_url) as state.pool,
        aclosing(Limits(settings.redis_url)) as state.limits,
        aclosing(Changes(settings.redis_url)) as state.changes,
    ):
        state.live = LiveConfig(settings, state.limits.follow)
        notifier = Notifier(state.pool, state.bus, state.objects, clock, lambda: state.live["url_life_s"])
        tell = state.changes.publish
        state.jobs = Jobs(state.pool, notifier, clock, state.wake, tell)
        scheduler = Scheduler(state.pool, state.election, notifier, clock, state.wake, tell)
        async with (
            state.bus.running(state.jobs.handle),
            background(state.election.run(), "campaign election"),
            background(scheduler.run(), "campaign scheduler"),
            background(
                tell_again(state.pool, state.bus, notifier, lambda: state.election.revision is not None),
                "reminder of open jobs",
            ),
            background(state.live.run(), "watch of the configuration"),
            background(state.changes.run(), "teller of changes"),
        ):
            yield


async def health(request: Request) -> dict:
    state = request.app.state
    return {
        "status": "ok",
        "bus": state.bus.connected.is_set(),
        "leader": state.election.revision is not None,
        "dropped": state.jobs.dropped,
    }
