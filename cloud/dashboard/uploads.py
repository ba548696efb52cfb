"""Releases are uploaded through here as well, so that a client needs one address only; ota verifies and keeps them."""

from fastapi import APIRouter, Request

from cloud.access import PUBLISH, token_of

TIMEOUT_S = 600.0

router = APIRouter()


@router.post("/v1/releases", status_code=201, dependencies=PUBLISH)
async def publish(request: Request) -> dict:
    """The body, a `.frel` file, is handed on while it comes; the answer is ota's."""
    token = token_of(request.headers["authorization"])
    return await request.app.state.services.ask(
        "ota",
        "POST",
        "/v1/releases",
        token,
        content=request.stream(),
        headers={"Content-Type": "application/octet-stream"},
        timeout=TIMEOUT_S,
    )
