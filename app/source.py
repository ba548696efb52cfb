"""A release file on a server, read by parts over a link that may drop at any byte."""

import asyncio

from app.http import Expired, HttpError, ShortBody
from app.link import Backoff, LinkError
from app.outcomes import Deferred, Interrupted, Refused

TRIES = 8  # in a row, without a piece gained


class Memory:
    """A sink that keeps what comes, `size` bytes, in `data`."""

    def __init__(self, size, piece):
        self.data = bytearray(size)
        self._piece, self._got = piece, 0

    def want(self):
        return min(self._piece, len(self.data) - self._got)

    def take(self, view):
        self.data[self._got : self._got + len(view)] = view
        self._got += len(view)
        return True


class Source:
    """`read` gives a part of the release to a sink, piece by piece.

    A sink says by `want()` how long its next piece is (0: it has all), and is given it by `take(view)`, which
    is False if the piece is not what it should be. What came is not fetched again, be it half a piece, unless
    the piece turns out to be wrong.

    `defer()` is asked before each piece and gives a reason to stop, or None; `await new_url()` is called when
    the server says that the URL expired.
    """

    def __init__(self, client, url, buffer, defer, new_url, backoff=None, log=print):
        self._client, self._url, self._view = client, url, memoryview(buffer)
        self._defer, self._new_url, self._log = defer, new_url, log
        self._backoff = backoff or Backoff(500, 60_000)
        self._tries = 0
        self._at = 0  # of the piece
        self._got = 0  # bytes of it that are in the buffer

    async def read(self, start, end, sink):
        """Refused if a piece is wrong twice, Interrupted after TRIES without a gain, Deferred."""
        self._at, self._got, wrong_at = start, 0, None
        while sink.want():
            try:
                await self._read_on(end, sink)
            except (LinkError, HttpError) as error:
                await self._client.close()
                await self._recover(error)
                continue
            if sink.want():  # the piece at `_at` was wrong
                await self._client.close()
                if self._at == wrong_at:
                    raise Refused(f"byte {self._at} on: not what the signed manifest promises")
                wrong_at = self._at

    async def _read_on(self, end, sink):
        """From where it stands to `end`, or to before a piece that was wrong."""
        response = await self._client.get_range(self._url, self._at + self._got, end)
        try:
            while size := sink.want():
                self._stop_if_deferred()
                piece = self._view[:size]
                await self._fill(response, piece)
                self._got = 0
                if not sink.take(piece):
                    return
                self._at += size
                self._tries = 0
                self._backoff.reset()
                await asyncio.sleep_ms(0)  # the main loop has a watchdog to feed
        finally:
            await response.end()

    async def _fill(self, response, piece):
        """The rest of the piece; what came of it is kept when the link is lost."""
        while self._got < len(piece):
            came = await response.readinto(piece[self._got :])
            if not came:
                raise ShortBody(f"the body ended {len(piece) - self._got} bytes early")
            self._got += came

    async def _recover(self, error):
        self._tries += 1
        self._log(f"download, try {self._tries}: {error}")
        if self._tries >= TRIES:
            raise Interrupted(str(error))
        if isinstance(error, Expired):
            self._url = await self._new_url()
        else:
            self._stop_if_deferred()
            await self._backoff.pause()

    def _stop_if_deferred(self):
        reason = self._defer()
        if reason:
            raise Deferred(reason)
