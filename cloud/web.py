"""What the HTTP side of every service shares: the admin token, and refusals as `{"error": words}`."""

import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


def utc_text(at: datetime) -> str:
    """`2026-01-01T00:00:00Z`, the form of times on every wire."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Refused(Exception):
    """A request that is answered with `status` and `words`."""

    def __init__(self, status: int, words: str):
        super().__init__(words)
        self.status, self.words = status, words


def new_app(title: str, lifespan: Callable) -> FastAPI:
    """An app without the open documentation pages, whose refusals all have one form."""
    app = FastAPI(title=title, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(Refused, lambda _, e: _error(e.status, e.words))
    app.add_exception_handler(HTTPException, lambda _, e: _error(e.status_code, str(e.detail)))
    app.add_exception_handler(RequestValidationError, lambda _, e: _error(422, _first(e)))
    return app


def _error(status: int, words: str) -> JSONResponse:
    return JSONResponse({"error": words}, status)


def _first(error: RequestValidationError) -> str:
    wrong = error.errors()[0]
    return f"{'.'.join(str(each) for each in wrong['loc'])}: {wrong['msg']}"


def _need_admin(request: Request, authorization: Annotated[str, Header()] = "") -> None:
    wanted = f"Bearer {request.app.state.settings.admin_token}"
    if not hmac.compare_digest(authorization.encode(), wanted.encode()):
        raise Refused(401, "needs the header Authorization: Bearer TOKEN with the admin's token")


ADMIN = [Depends(_need_admin)]
