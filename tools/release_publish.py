"""Sending a release to the cloud's update service."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

_BLOCK = 65536
_TIMEOUT_S = 60


class PublishError(Exception):
    """The service could not be reached, or did not take the release; the text says which and why."""


def publish(
    path: Path, url: str, token: str, ca: Path, on_progress: Callable[[int], None] = lambda sent: None
) -> dict:
    """POST a release to URL/v1/releases; what the service says of it. `on_progress` gets the bytes sent."""
    if not url.startswith("https://"):
        raise PublishError(f"{url} is no https address: the token would be readable on its way")
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/octet-stream",
        "Content-Length": str(path.stat().st_size),
    }
    try:
        trusted = ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        raise PublishError(f"{ca} is no certificate in PEM") from None
    try:
        with httpx.Client(verify=trusted, timeout=_TIMEOUT_S) as client:
            blocks = _blocks(path, on_progress)
            answer = client.post(f"{url.rstrip('/')}/v1/releases", headers=headers, content=blocks)
    except httpx.HTTPError as error:
        raise PublishError(f"{url} can't be reached: {error}. Is it up, and is {ca} its CA?") from None
    if answer.status_code not in (200, 201):
        raise PublishError(f"{url} did not take {path.name}: {answer.status_code}, {_words(answer)}")
    return answer.json()


def _blocks(path: Path, on_progress: Callable[[int], None]) -> Iterator[bytes]:
    sent = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block
            sent += len(block)
            on_progress(sent)


def _words(answer: httpx.Response) -> str:
    """The reason, from {"error": words} or {"detail": words}; else the beginning of what was sent."""
    try:
        body = answer.json()
    except ValueError:
        return answer.text[:200]
    return str(body.get("error") or body.get("detail") or body) if isinstance(body, dict) else str(body)[:200]
