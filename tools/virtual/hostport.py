"""A port of the host for what a virtual board serves: the board's own for as long as it runs, resets included."""

from __future__ import annotations

import socket

_PORTS = range(8080, 8400)


class HostPort:
    """Taken when it is asked for first."""

    def __init__(self) -> None:
        self._held: socket.socket | None = None

    def number(self) -> int:
        """OSError if none is free."""
        self._held = self._held or _take()
        return self._held.getsockname()[1]

    def close(self) -> None:
        if self._held:
            self._held.close()
            self._held = None


def _take() -> socket.socket:
    """Bound without SO_REUSEADDR, so that it is nobody else's; then shared with the interpreter, which has it set."""
    for port in _PORTS:
        held = socket.socket()
        try:
            held.bind(("127.0.0.1", port))
        except OSError:
            held.close()
            continue
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return held
    raise OSError(f"no port from {_PORTS[0]} to {_PORTS[-1]} of 127.0.0.1 is free for a board's local page")
