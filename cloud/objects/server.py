"""The folder store's HTTPS server: checks every presigned URL, serves one range at a time (RFC 9110, 14)."""

import argparse
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from cloud.objects import KeyMismatch
from cloud.objects.folder import FolderStore, Refused, check_request

BLOCK = 64 * 1024
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)

log = logging.getLogger("objects")


class UnsatisfiableRange(Refused):
    def __init__(self, text: str, size: int) -> None:
        super().__init__(416, f"range {text[:40]!r} is not one range bytes=FIRST-LAST inside {size} bytes")
        self.size = size


def parse_range(text: str | None, size: int) -> tuple[int, int]:
    """(first, end exclusive) of what is asked for, by default the whole. Raises UnsatisfiableRange."""
    if text is None:
        return 0, size
    found = _RANGE.fullmatch(text.strip())
    if not found or found.groups() == ("", ""):
        raise UnsatisfiableRange(text, size)
    first, last = found.groups()
    if not first:  # the last so many bytes
        begin, end = max(0, size - int(last)), size
    else:
        begin, end = int(first), min(int(last) + 1, size) if last else size
    if begin >= end:
        raise UnsatisfiableRange(text, size)
    return begin, end


def read(path: Path, begin: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(begin)
        while begin < end and (block := file.read(min(BLOCK, end - begin))):
            begin += len(block)
            yield block


def create_app(store: FolderStore) -> Starlette:
    async def serve(request: Request) -> Response:
        try:
            response = await run_in_threadpool(_answer, store, request)
        except Refused as refused:
            headers = {"allow": "GET, HEAD"} if refused.status == 405 else {}
            if isinstance(refused, UnsatisfiableRange):
                headers["content-range"] = f"bytes */{refused.size}"
            response = JSONResponse({"error": refused.words}, refused.status, headers)
            log.warning("%s %s refused: %s", request.method, request.url.path, refused.words)
        return response

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    objects = Route("/{key:path}", serve)
    objects.methods = None  # any: what we don't serve is refused in our words
    return Starlette(routes=[Route("/health", health), objects])


def _answer(store: FolderStore, request: Request) -> Response:
    key, query = request.path_params["key"], request.query_params
    check_request(store.secret, request.method, key, query.get("expires"), query.get("signature"))
    try:
        path = store.path(key)
        size = path.stat().st_size
    except (KeyMismatch, FileNotFoundError) as error:
        raise Refused(404, f"no object {key!r}") from error
    asked = request.headers.get("range")
    begin, end = parse_range(asked, size)
    headers = {"accept-ranges": "bytes", "etag": f'"{path.name}"', "content-length": str(end - begin)}
    if asked is not None:
        headers["content-range"] = f"bytes {begin}-{end - 1}/{size}"
    body = read(path, begin, end) if request.method == "GET" else iter(())
    status, kind = (200 if asked is None else 206), "application/octet-stream"
    log.info("%s %s %d bytes from %d", request.method, request.url.path, end - begin, begin)
    return StreamingResponse(body, status, headers, kind)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--listen", default="127.0.0.1")
    parser.add_argument("--folder", type=Path, required=True)
    for name in ("secret", "certificate", "key"):
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="FILE")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    store = FolderStore(given.folder, given.secret.read_bytes(), f"https://127.0.0.1:{given.port}")
    uvicorn.run(
        create_app(store),
        host=given.listen,
        port=given.port,
        ssl_certfile=given.certificate,
        ssl_keyfile=given.key,
        access_log=False,  # it would log the signatures
        server_header=False,
        log_config=None,
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main()
