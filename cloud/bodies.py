"""How large the body of a request may be."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

BODY_MAX = 1024 * 1024
OTHERS = {  # by path
    "/v1/releases": None,  # counts by itself while it streams
    "/v1/enrol": 64 * 1024,  # open to everybody
    "/v1/certificates": 64 * 1024,
    "/graphql": 256 * 1024,  # open to everybody who would sign in
}

_WORDS = "the body is larger than %d bytes"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class BodyLimit:
    """ASGI middleware: 413 for a body that says it is too large, or that turns out to be."""

    def __init__(self, app):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        most = OTHERS.get(scope["path"], BODY_MAX) if scope["type"] == "http" else None
        if most is None:
            return await self._app(scope, receive, send)
        if _announced(scope) > most:
            return await _too_large(most)(scope, receive, send)
        await self._app(scope, _counting(receive, most), send)


def _announced(scope: Scope) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


def _counting(receive: Receive, most: int) -> Receive:
    size = 0

    async def counted():
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            raise HTTPException(413, _WORDS % most)  # in the one who reads the body
        return message

    return counted


def _too_large(most: int) -> JSONResponse:
    return JSONResponse({"error": _WORDS % most}, 413)
