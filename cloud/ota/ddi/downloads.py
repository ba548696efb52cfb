"""Artifacts served under the device's own URL, whole or one range at a time (RFC 9110, 14)."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

from cloud.objects.server import UnsatisfiableRange, parse_range
from cloud.ota.ddi import actions
from cloud.ota.ddi.access import Controller, NeedController
from cloud.ota.ddi.actions import Action
from cloud.ota.ddi.artifacts import Artifact, artifacts_of, blocks
from cloud.ota.ddi.describe import described
from cloud.web import Refused
from wire import topics

Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
Filename = Annotated[str, Path(max_length=255)]

TAKEN = {"status": topics.IN_PROGRESS, "step": "downloading", "progress_pct": 0, "detail": ""}

router = APIRouter(prefix="/softwaremodules/{digest}/artifacts")


@router.get("")
async def artifacts(digest: Digest, request: Request, who: NeedController) -> list[dict]:
    action, artifact = await _found(request, who, digest)
    return [described(request.app.state, who, action, artifact)]


@router.get("/{filename}.MD5SUM")
async def md5sum(digest: Digest, filename: Filename, request: Request, who: NeedController) -> Response:
    """As `md5sum` prints it."""
    _, artifact = await _found(request, who, digest, filename)
    return PlainTextResponse(f"{artifact.md5}  {artifact.filename}\n")


@router.head("/{filename}")
@router.get("/{filename}")
async def download(digest: Digest, filename: Filename, request: Request, who: NeedController) -> Response:
    """Who fetches has taken the job."""
    action, artifact = await _found(request, who, digest, filename)
    etag = f'"{artifact.sha256}"'
    asked = request.headers.get("range")
    if request.headers.get("if-range", etag) != etag:  # what it has is of another file
        asked = None
    headers = {"accept-ranges": "bytes", "etag": etag}
    try:
        begin, end = parse_range(asked, artifact.size)
    except UnsatisfiableRange as error:
        headers["content-range"] = f"bytes */{artifact.size}"
        return PlainTextResponse(error.words, error.status, headers)
    if asked is not None:
        headers["content-range"] = f"bytes {begin}-{end - 1}/{artifact.size}"
    headers |= {
        "content-length": str(end - begin),
        "content-disposition": f'attachment; filename="{artifact.filename}"',
    }
    if request.method == "HEAD":
        return Response(None, 200, headers, "application/octet-stream")
    if action.status == topics.QUEUED:
        await actions.move(request.app.state, who, action, TAKEN)
    body = blocks(request.app.state.objects, artifact.object_key, begin, end)
    return StreamingResponse(body, 200 if asked is None else 206, headers, "application/octet-stream")


async def _found(
    request: Request, who: Controller, digest: str, filename: str | None = None
) -> tuple[Action, Artifact]:
    """Of a release that the device has a job for now, and of no other."""
    action = await actions.with_release(request.app.state, who, digest)
    artifact = await artifacts_of(request.app.state).of(action)
    if filename not in (None, artifact.filename):
        raise Refused(404, f"software module {digest[:16]} has no artifact {filename!r}")
    return action, artifact
