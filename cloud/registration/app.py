"""The registration service as an ASGI app: `uvicorn --factory cloud.registration.app:create_app`."""

import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from fastapi import FastAPI, Request

from cloud import pki
from cloud.bus import Bus
from cloud.db import database
from cloud.registration import devices, enrolment
from cloud.registration.messages import MODELS
from cloud.registration.states import StateCache
from cloud.registration.telemetry import Telemetry
from cloud.settings import Settings
from cloud.web import Clock, new_app, utc_now

CLIENT_ID = "service-registration"  # the common name of its certificate


def create_app(settings: Settings | None = None, clock: Clock = utc_now) -> FastAPI:
    """Without arguments: settings from the environment. Nothing is opened before the lifespan."""
    app = new_app("Fieldrec registration", _lifespan)
    app.state.settings = settings or Settings.from_env(os.environ)
    app.state.clock = clock
    app.include_router(enrolment.router)
    app.include_router(devices.router)
    app.add_api_route("/health", health)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state, settings = app.state, app.state.settings
    if settings.ca_key is None:
        raise ValueError("registration signs certificates: it needs FIELDREC_CA_KEY")
    state.authority = pki.load_authority(settings.ca_cert, settings.ca_key)
    async with (
        database(settings.postgres_url) as state.pool,
        aclosing(StateCache(settings.redis_url)) as state.cache,
    ):
        state.telemetry = Telemetry(state.pool, state.cache, state.clock)
        state.bus = Bus(settings, CLIENT_ID, MODELS)
        async with state.bus.running(state.telemetry.handle):
            yield


async def health(request: Request) -> dict:
    state = request.app.state
    return {"status": "ok", "bus": state.bus.connected.is_set(), "dropped": dict(state.telemetry.dropped)}
