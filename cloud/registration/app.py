"""The registration service as an ASGI app: `python -m cloud.serve registration`."""

import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from fastapi import FastAPI, Request

from cloud import secretstore
from cloud.bus import Bus
from cloud.changes import Changes
from cloud.db import database
from cloud.limits import Limits
from cloud.liveconfig import LiveConfig
from cloud.observe import fleet
from cloud.observe.watch import watch
from cloud.registration import (
    certificates,
    claims,
    commands,
    control,
    crl,
    devices,
    enrolment,
    factory,
    tokens,
    twins,
)
from cloud.registration.history import History
from cloud.registration.messages import MODELS
from cloud.registration.states import StateCache
from cloud.registration.telemetry import Telemetry
from cloud.settings import Settings
from cloud.tasks import background
from cloud.web import Clock, new_app, utc_now

CLIENT_ID = "service-registration"  # the common name of its certificate


def create_app(settings: Settings | None = None, clock: Clock = utc_now) -> FastAPI:
    """Without arguments: settings from the environment. Nothing is opened before the lifespan."""
    app = new_app("Fieldrec registration", _lifespan)
    app.state.settings = settings or Settings.from_env(os.environ)
    app.state.clock = clock
    for part in (enrolment, certificates, claims, factory, devices, twins, commands, crl, tokens):
        app.include_router(part.router)
    app.add_api_route("/health", health)
    watch(app, "registration", fleet.REGISTRATION)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state, settings = app.state, app.state.settings
    state.authority = secretstore.authority(settings)
    async with (
        database(settings.postgres_url) as state.pool,
        aclosing(StateCache(settings.redis_url)) as state.cache,
        aclosing(Limits(settings.redis_url)) as state.limits,
        aclosing(Changes(settings.redis_url)) as state.changes,
    ):
        state.live = LiveConfig(settings, state.limits.follow)
        state.lists = crl.Lists(state.pool, state.authority, state.clock, settings.crl_file)
        await state.lists.begin()
        state.control = control.Control(state.pool, state.clock, state.changes.publish)
        state.history = History(state.pool, state.clock, lambda: state.live["heartbeat_days"])
        state.telemetry = Telemetry(
            state.pool, state.cache, state.history, state.clock, state.changes.publish
        )
        state.bus = Bus(settings, CLIENT_ID, MODELS)
        state.control_bus = Bus(settings, f"{CLIENT_ID}-control", control.NAMES)
        async with (
            state.bus.running(state.telemetry.handle),
            state.control_bus.running(state.control.handle),
            background(state.control.run(state.control_bus), "sender of commands and settings"),
            background(state.lists.run(), "keeper of the revocation list"),
            background(state.live.run(), "watch of the configuration"),
            background(state.changes.run(), "teller of changes"),
            background(state.history.run(), "keeper of the tables of heartbeats"),
        ):
            yield


async def health(request: Request) -> dict:
    state = request.app.state
    dropped = dict(state.telemetry.dropped + state.control.dropped)
    return {"status": "ok", "bus": state.bus.connected.is_set(), "dropped": dropped}
