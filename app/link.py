"""A TLS connection whose every wait is bounded, and the pause before the next try.

NetworkError      what being online can run into; it is tried again later
  LinkError       this connection is of no more use; a later one may be
    LinkTimeout   silence where something was due
    NotTrusted    the server's certificate was refused: authority, name or dates
  HttpError, MqttError, EnrolError: in app/http, app/mqtt, app/enrol
"""

import asyncio
import random


class NetworkError(Exception):
    pass


class LinkError(NetworkError):
    pass


class LinkTimeout(LinkError):
    pass


class NotTrusted(LinkError):
    pass


async def bounded(what, awaitable, timeout_ms):
    """Await, with everything a socket can raise told as a LinkError that says `what` was being done."""
    try:
        return await asyncio.wait_for_ms(awaitable, timeout_ms)
    except asyncio.TimeoutError:
        raise LinkTimeout(f"{what}: nothing within {timeout_ms} ms") from None
    except ValueError as error:  # what the TLS module raises for a certificate
        raise NotTrusted(f"{what}: {str(error).strip()}") from None
    except OSError as error:
        raise LinkError(f"{what}: {error}") from None


class Link:
    """Open it, use it, close it. Only one task may write at a time, and one read."""

    def __init__(self, host, port, timeout_ms=15_000):
        self.name = f"{host}:{port}"
        self.timeout_ms = timeout_ms
        self._host, self._port = host, port
        self._stream = None

    async def open(self, tls):
        """Connect. The handshake itself is done by the first write: it reports a refused certificate.

        A name is looked up by the stock `getaddrinfo`, which blocks.
        """
        opening = asyncio.open_connection(self._host, self._port, ssl=tls, server_hostname=self._host)
        self._stream, _ = await bounded("connect to " + self.name, opening, self.timeout_ms)

    async def write(self, data):
        await bounded("write to " + self.name, self._write(data), self.timeout_ms)

    async def some(self, view, timeout_ms=None):
        """Read at least a byte into `view`; how many came, 0 if the other side has ended."""
        return await bounded("read from " + self.name, self._some(view), timeout_ms or self.timeout_ms)

    async def fill(self, view, timeout_ms=None):
        """Read until `view` is full."""
        got = 0
        while got < len(view):
            came = await self.some(view[got:], timeout_ms)
            if not came:
                raise LinkError(f"{self.name} closed the connection")
            got += came

    async def close(self):
        stream, self._stream = self._stream, None
        if stream:
            try:
                await stream.wait_closed()
            except OSError:
                return  # it was broken already, and is closed all the same

    async def _write(self, data):
        self._stream.write(data)
        await self._stream.drain()

    async def _some(self, view):
        while True:
            came = await self._stream.readinto(view)
            if came is not None:  # None: a TLS record is not complete yet
                return came


class Backoff:
    """Pauses that double up to a limit, each drawn from its upper half: a fleet must not come at once."""

    def __init__(self, first_ms=1_000, most_ms=300_000):
        self._first_ms, self._most_ms = first_ms, most_ms
        self.reset()

    def reset(self):
        self._next_ms = self._first_ms

    def pause_ms(self):
        now_ms = self._next_ms
        self._next_ms = min(2 * now_ms, self._most_ms)
        return now_ms - random.randint(0, now_ms // 2)

    async def pause(self):
        await asyncio.sleep_ms(self.pause_ms())
