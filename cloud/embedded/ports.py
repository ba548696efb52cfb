"""Which TCP ports the embedded cloud listens on: in a row from a base, or free ones, kept over restarts."""

import json
import socket
from contextlib import ExitStack
from pathlib import Path

NAMES = (
    "registration",
    "ota",
    "objects",
    "broker",
    "postgres",
    "redis",
    "etcd",
    "etcd_peer",
    "dashboard",
    "portal",
)


class PortsTaken(Exception):
    """Someone else listens where we are to listen."""


def choose(base: int | None, remembered: Path) -> dict[str, int]:
    """By name; from `base` upwards (raises PortsTaken), or if it is None, those in the file if still free."""
    if base is not None:
        ports = {name: base + index for index, name in enumerate(NAMES)}
        if taken := [port for port in ports.values() if not _free(port)]:
            raise PortsTaken(
                f"ports {', '.join(map(str, taken))} are taken; give another --ports BASE, or auto"
            )
        return ports
    if remembered.exists():
        ports = json.loads(remembered.read_text())
        if set(ports) == set(NAMES) and all(map(_free, ports.values())):
            return ports
    ports = dict(zip(NAMES, free(len(NAMES)), strict=True))
    remembered.write_text(json.dumps(ports))
    return ports


def _free(port: int) -> bool:
    try:
        with _bound(port):
            return True
    except OSError:
        return False


def free(count: int) -> list[int]:
    """So many that nobody listens on now."""
    with ExitStack() as held:  # all at once, so that they differ
        return [held.enter_context(_bound(0)).getsockname()[1] for _ in range(count)]


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: closed connections linger
    try:
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        raise
    return bound
