"""A small HTTPS/1.1 client (RFC 9112): one connection, kept open between requests to the same server.

LinkError             (app/link.py) no connection, or lost: try again
  ShortBody           the body ended before its announced end
HttpError             the server answered, but not with what was asked for
  BadUrl              it was not even asked: no https URL, or one that would break out of its line
  BadAnswer           not HTTP as we speak it: no status line, a header or a body without bounds
  HtmlPage            a page for people: a captive portal, or a proxy's error
  StatusError         any other status; `.status`, and `.words` from the body
    Expired           403 to a presigned URL: ask for a new one
  RangeIgnored        200 with the whole body instead of 206 with the part
  WrongRange          206, but for another part than the one asked for
"""

import asyncio
import json

from micropython import const

from app.link import Link, LinkError, NetworkError

_MAX_LINE = const(1024)
_MAX_HEADERS = const(64)
_MAX_JSON = const(8192)
_KEPT = (b"content-length", b"content-type", b"content-range", b"transfer-encoding", b"connection")


class ShortBody(LinkError):
    pass


class HttpError(NetworkError):
    pass


class BadUrl(HttpError):
    pass


class BadAnswer(HttpError):
    pass


class HtmlPage(HttpError):
    pass


class RangeIgnored(HttpError):
    pass


class WrongRange(HttpError):
    pass


class StatusError(HttpError):
    def __init__(self, status, words):
        super().__init__(f"status {status}: {words}")
        self.status, self.words = status, words


class Expired(StatusError):
    pass


def split_url(url):
    """(host, port, path) of an https URL; BadUrl for any other."""
    scheme, _, rest = url.partition("://")
    where, slash, path = rest.partition("/")
    host, colon, port = where.partition(":")
    port = port if colon else "443"
    if scheme != "https" or not host or not all("!" <= c <= "~" for c in url):
        raise BadUrl(f"not an https URL: {repr(url)[:80]}")
    if not 0 < len(port) <= 5 or not all(c in "0123456789" for c in port):
        raise BadUrl(f"not a port: {repr(url)[:80]}")
    return host, int(port), slash + path or "/"


class Response:
    """Status and headers are there; the body comes by `readinto`, `fill` or `read`."""

    def __init__(self, client, status, headers):
        self.status = status
        self.headers = headers
        self._client = client
        self._chunked = headers.get(b"transfer-encoding", b"").lower() == b"chunked"
        self._left = 0 if self._chunked else _length(status, headers)
        self._ended = not self._chunked and not self._left

    @property
    def length(self):
        """Bytes still to come; of a chunked body, those of its present piece."""
        return self._left

    async def readinto(self, view):
        """Read up to len(view) bytes; how many came, 0 at the end of the body."""
        if self._chunked and not self._left:
            await self._next_piece()
        if self._ended:
            return 0
        came = await self._client._some(view[: min(len(view), self._left)])
        if not came:
            raise ShortBody(f"the body ended with {self._left} bytes missing")
        self._left -= came
        self._client.body_bytes += came
        self._ended = not self._chunked and not self._left
        return came

    async def fill(self, view):
        """Read until `view` is full; ShortBody if the body ends before."""
        got = 0
        while got < len(view):
            came = await self.readinto(view[got:])
            if not came:
                raise ShortBody(f"the body ended {len(view) - got} bytes early")
            got += came

    async def read(self, most):
        """The body as bytes; BadAnswer if it is longer than `most`."""
        body = bytearray(most + 1)
        view, size = memoryview(body), 0
        while size <= most:
            came = await self.readinto(view[size:])
            if not came:
                return bytes(view[:size])
            size += came
        raise BadAnswer(f"a body of over {most} bytes")

    async def end(self):
        """Give the connection back for the next request, or close it if there is more on it."""
        if not self._ended or self.headers.get(b"connection", b"").lower() == b"close":
            await self._client.close()

    async def _next_piece(self):
        """The size line of the next piece (RFC 9112, 7.1); the last one has trailers, which are left out."""
        client = self._client
        line = await client._line() or await client._line()  # the one before ends with an empty line
        try:
            self._left = int(line.partition(b";")[0], 16)
        except ValueError:
            raise BadAnswer(f"not a size of a piece: {line[:40]}") from None
        if not self._left:
            self._ended, self._chunked = True, False
            for _ in range(_MAX_HEADERS):
                if not await client._line():
                    return
            raise BadAnswer("trailers without an end")


class Client:
    """One request at a time. `tls`: a context of app/tls.py; `timeout_ms` bounds each single wait."""

    def __init__(self, tls, timeout_ms=15_000):
        self._tls, self._timeout_ms = tls, timeout_ms
        self.body_bytes = 0  # of all bodies so far
        self._link = None
        self._where = None
        self._rest = b""
        self._input = memoryview(bytearray(512))

    async def request(self, method, url, body=None, headers=()):
        """Send, and return the Response once its headers are in. `headers`: pairs of str."""
        host, port, path = split_url(url)
        try:
            await self._connect(host, port)
            await self._link.write(_head(method, host, port, path, body, headers) + (body or b""))
            return await self._answer()
        except (LinkError, HttpError, asyncio.CancelledError):
            await self.close()
            raise

    async def call(self, method, url, value=None, headers=()):
        """Send `value` as JSON, get (status, JSON). For small answers, any status."""
        body = None if value is None else json.dumps(value).encode()
        response = await self.request(method, url, body, headers)
        try:
            data = await response.read(_MAX_JSON)
        finally:
            await response.end()
        try:
            return response.status, json.loads(data)
        except ValueError:
            raise _page(response) or BadAnswer(f"status {response.status}, not JSON: {data[:40]}") from None

    async def get_range(self, url, start, end):
        """The Response to `bytes=start-(end - 1)`, its body exactly that long."""
        response = await self.request("GET", url, headers=(("Range", f"bytes={start}-{end - 1}"),))
        problem = await _range_problem(response, start, end)
        if problem:
            await self.close()
            raise problem
        return response

    async def close(self):
        link, self._link, self._rest = self._link, None, b""
        if link:
            await link.close()

    async def _connect(self, host, port):
        if self._link and self._where == (host, port):
            return
        await self.close()
        self._link, self._where = Link(host, port, self._timeout_ms), (host, port)
        await self._link.open(self._tls)

    async def _answer(self):
        line = await self._line()
        version, _, rest = line.partition(b" ")
        status = rest[:3]
        if not version.startswith(b"HTTP/1.") or not status.isdigit():
            raise BadAnswer(f"not an HTTP answer: {line[:40]}")
        return Response(self, int(status), await self._headers())

    async def _headers(self):
        kept: dict = {}
        for _ in range(_MAX_HEADERS):
            line = await self._line()
            if not line:
                return kept
            name, _, value = line.partition(b":")
            if name.lower() in _KEPT:
                kept[name.lower()] = value.strip()
        raise BadAnswer(f"over {_MAX_HEADERS} headers")

    async def _line(self):
        while b"\n" not in self._rest:
            if len(self._rest) > _MAX_LINE:
                raise BadAnswer(f"a line of over {_MAX_LINE} bytes")
            came = await self._receive(self._input)
            if not came:
                raise ShortBody("the connection ended before the answer did")
            self._rest += self._input[:came]
        line, _, self._rest = self._rest.partition(b"\n")
        return line.strip()

    async def _some(self, view):
        """What was read with the headers first, then straight from the connection."""
        if not self._rest:
            return await self._receive(view)
        size = min(len(view), len(self._rest))
        view[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    async def _receive(self, view):
        """A connection that ended or failed is not used for the next request."""
        try:
            came = await self._link.some(view)
        except (LinkError, asyncio.CancelledError):
            await self.close()
            raise
        if not came:
            await self.close()
        return came


def _head(method, host, port, path, body, headers):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}:{port}", "User-Agent: fieldrec"]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _length(status, headers):
    """Bytes of a body that is not chunked (RFC 9112, 6.3). One that ends with the connection is refused."""
    if status in (204, 304):
        return 0
    length = headers.get(b"content-length", b"")
    if not length.isdigit():
        raise BadAnswer(f"status {status} with a body of no announced length")
    return int(length)


async def _range_problem(response, start, end):
    """The error that an answer to a Range request stands for, or None."""
    page = _page(response)
    if page:
        return page
    if response.status == 200:
        return RangeIgnored(f"the whole body instead of bytes {start}-{end - 1}")
    if response.status != 206:
        words = str(await _words(response))
        return (Expired if response.status == 403 else StatusError)(response.status, words)
    given = response.headers.get(b"content-range", b"")
    if not given.startswith(f"bytes {start}-{end - 1}/".encode()):
        return WrongRange(f"asked for bytes {start}-{end - 1}, got {given[:60]}")
    if response.length != end - start:
        return WrongRange(f"{response.length} bytes announced for bytes {start}-{end - 1}")
    return None


def _page(response):
    if response.headers.get(b"content-type", b"").startswith(b"text/html"):
        return HtmlPage(f"status {response.status} with a page for people: a captive portal or a proxy")
    return None


async def _words(response):
    """The beginning of an error's body, as text for a log."""
    view = memoryview(bytearray(160))
    came = await response.readinto(view)
    return bytes(b if 32 <= b < 127 else 32 for b in view[:came]).decode().strip()
