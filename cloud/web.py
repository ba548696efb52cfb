"""What the HTTP side of every service shares: its app, and refusals as `{"error": words}`."""

from collections.abc import Callable
from datetime import UTC, datetime

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from cloud.bodies import BodyLimit
from cloud.changes import TellChanges

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
    app.add_middleware(BodyLimit)
    app.add_middleware(TellChanges)
    app.add_exception_handler(Refused, lambda _, e: _error(e.status, e.words))
    app.add_exception_handler(HTTPException, lambda _, e: _error(e.status_code, str(e.detail)))
    app.add_exception_handler(RequestValidationError, lambda _, e: _error(422, _first(e)))
    return app


def _error(status: int, words: str) -> JSONResponse:
    return JSONResponse({"error": words}, status)


def _first(error: RequestValidationError) -> str:
    wrong = error.errors()[0]
    return f"{'.'.join(str(each) for each in wrong['loc'])}: {wrong['msg']}"
