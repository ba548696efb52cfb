"""Sending a release to the cloud's update service, block by block."""

from collections.abc import Callable, Iterator
from pathlib import Path

from tools.service import Service

_BLOCK = 65536


def publish(service: Service, path: Path, on_progress: Callable[[int], None] = lambda sent: None) -> dict:
    """What the service says of the release. `on_progress` gets the bytes sent. ServiceError if it does not take it."""
    return service.upload("/v1/releases", _blocks(path, on_progress), path.stat().st_size)


def _blocks(path: Path, on_progress: Callable[[int], None]) -> Iterator[bytes]:
    sent = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block
            sent += len(block)
            on_progress(sent)
