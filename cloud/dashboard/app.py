"""The dashboard service as an ASGI app: `python -m cloud.serve dashboard`."""

import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import partial

from fastapi import FastAPI, Request

from cloud import changes
from cloud.access import who_is
from cloud.dashboard import endpoint, uploads
from cloud.dashboard.fleet import Counter
from cloud.dashboard.following import Follower
from cloud.dashboard.loaders import Loaders
from cloud.dashboard.services import Services, services
from cloud.db import database
from cloud.limits import Limits
from cloud.liveconfig import LiveConfig
from cloud.observe.watch import watch
from cloud.registration.states import StateCache
from cloud.settings import Settings
from cloud.tasks import background
from cloud.web import Clock, new_app, utc_now


def create_app(
    settings: Settings | None = None, clock: Clock = utc_now, others: Services | None = None
) -> FastAPI:
    """Without arguments: settings from the environment. `others`: services that need no connection."""
    app = new_app("Fieldrec dashboard", _lifespan)
    app.state.settings = settings or Settings.from_env(os.environ)
    app.state.clock, app.state.services = clock, others
    app.include_router(endpoint.router, prefix="/graphql")
    app.include_router(uploads.router)
    app.add_api_route("/health", health)
    if app.state.settings.oidc_issuer:
        from cloud.dashboard import provider  # imported late: most have none

        provider.configure(app, app.state.settings)
    watch(app, "dashboard")
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state, settings = app.state, app.state.settings
    state.follower, state.who_is = Follower(), partial(who_is, state)
    heard, lost = state.follower.heard, state.follower.everything
    async with (
        database(settings.postgres_url) as state.pool,
        aclosing(StateCache(settings.redis_url)) as state.cache,
        aclosing(Limits(settings.redis_url)) as state.limits,
        aclosing(Counter(state.pool, state.clock)) as state.fleet,
        services(settings) as connected,
    ):
        state.services, state.loaders = state.services or connected, Loaders(state)
        state.live = LiveConfig(settings, state.limits.follow)
        async with (
            background(changes.follow(settings.redis_url, heard, lost), "follower of changes"),
            background(state.live.run(), "watch of the configuration"),
            background(state.fleet.get(), "first count of the fleet"),
        ):
            yield


async def health(request: Request) -> dict:
    return {"status": "ok"}
