"""Who may read metrics: a scraper with a token of its own, which also holds while PostgreSQL is away."""

import hmac
from typing import Annotated

from fastapi import Depends, Header, Request

from cloud import access


async def _scraper(request: Request, authorization: Annotated[str, Header()] = "") -> None:
    own = request.app.state.settings.metrics_token
    if own and hmac.compare_digest(authorization.encode(), f"Bearer {own}".encode()):
        return
    await access.READ[0].dependency(request, await access._who(request, authorization))


_scraper.permission = "read"  # type: ignore[attr-defined]  # for the table of all routes

SCRAPE = [Depends(_scraper)]
