"""The OTA service as an ASGI app: `uvicorn --factory cloud.ota.app:create_app`."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request

from cloud.bus import Bus
from cloud.db import database
from cloud.objects import open_store
from cloud.ota import campaigns, releases
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
    app.include_router(releases.router)
    app.include_router(campaigns.router)
    app.add_api_route("/health", health)
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
    )
    async with database(settings.postgres_url) as state.pool:
        notifier = Notifier(state.pool, state.bus, state.objects, clock)
        state.jobs = Jobs(state.pool, notifier, clock, state.wake)
        scheduler = Scheduler(state.pool, state.election, notifier, clock, state.wake)
        async with (
            state.bus.running(state.jobs.handle),
            background(state.election.run(), "campaign election"),
            background(scheduler.run(), "campaign scheduler"),
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
