"""Connections to the local page: few at a time, each bounded in what it may send and in how long it may take.

Of up to eight the first four are served, the others told 503, as are all while memory is short; a ninth is closed
without a word. One that says nothing is ended after 1.5 s, a request has to be in after 5 s, and an answer has to
move on within 5 s.
"""

import asyncio
import gc
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

_PORT = const(80)
_SERVED = const(4)
_OPEN = const(8)
_SILENT_MS = const(1500)
_REQUEST_MS = const(5000)
_WRITE_MS = const(5000)
_LOOK_MS = const(250)
_INPUT_BYTES = const(3072)  # head and body of a request
_AT_ONCE = const(512)
_RESERVE_BYTES = const(24_000)
_RESET = const(104)  # ECONNRESET: microdot is silent about it
_BUSY = b"HTTP/1.0 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"


class Server:
    """`handle(reader, writer)` is microdot's; `pause_ms()` is kept between two pieces of an answer."""

    def __init__(self, handle, pause_ms):
        self._handle, self._pause_ms = handle, pause_ms
        self._connections = []
        self._server = None

    async def start(self):
        """OSError if the port can't be had."""
        self._server = await asyncio.start_server(self._accept, "0.0.0.0", _PORT)

    async def run(self):
        """Until it is cancelled."""
        try:
            while True:
                await asyncio.sleep_ms(_LOOK_MS)
                for connection in list(self._connections):
                    connection.end_if_due()
        finally:
            self._server.close()
            for connection in list(self._connections):
                connection.task.cancel()
            await self._server.wait_closed()

    async def _accept(self, stream, _):
        if len(self._connections) >= _OPEN:
            stream.close()
            await stream.wait_closed()
            return
        served = sum(connection.served for connection in self._connections) < _SERVED and _has_memory()
        connection = Connection(stream, served, self._pause_ms)
        self._connections.append(connection)
        try:
            await (self._handle(connection, connection) if served else connection.refuse())
        except (OSError, MemoryError):
            return  # it was lost, or the card was, or memory is: the other side sees an answer that is too short
        finally:
            self._connections.remove(connection)
            await connection.end()


def _has_memory():
    """Whether a request leaves the recorder what it may need."""
    if gc.mem_free() < _RESERVE_BYTES:
        gc.collect()
    return gc.mem_free() >= _RESERVE_BYTES


class Connection:
    """Reader and writer of one request, as microdot wants them. `body`: a generator to be closed at the end."""

    def __init__(self, stream, served, pause_ms):
        self.served = served
        self.body = None
        self.task = asyncio.current_task()
        self._stream, self._pause_ms = stream, pause_ms
        self._rest = b""
        self._came = 0
        self._out = b""
        self._due_ms = ticks_add(ticks_ms(), _SILENT_MS)

    def end_if_due(self):
        if ticks_diff(ticks_ms(), self._due_ms) >= 0:
            self.task.cancel()

    def get_extra_info(self, name):
        return self._stream.get_extra_info(name)

    # -- the request

    async def readline(self):
        while b"\n" not in self._rest:
            await self._receive()
        line, _, self._rest = self._rest.partition(b"\n")
        return line + b"\n"

    async def readexactly(self, count):
        if count < 0:
            raise OSError(_RESET)
        while len(self._rest) < count:
            await self._receive()
        data, self._rest = self._rest[:count], self._rest[count:]
        return data

    async def skip(self, count):
        """Take `count` bytes of a body that nobody wants: unread, they would cut off the answer."""
        count -= len(self._rest)
        while count > 0:
            came = await self._stream.read(_AT_ONCE)
            if not came:
                return
            count -= len(came)

    async def _receive(self):
        came = await self._stream.read(_AT_ONCE)
        if not self._came:
            self._due_ms = ticks_add(ticks_ms(), _REQUEST_MS)
        self._came += len(came)
        if not came or self._came > _INPUT_BYTES:
            raise OSError(_RESET)
        self._rest += came

    # -- the answer

    async def awrite(self, data):
        """Small pieces are collected: a head is one packet, not twelve."""
        if len(self._out) + len(data) > _AT_ONCE:
            await self._flush()
        if len(data) > _AT_ONCE:
            await self._send(data)
        else:
            self._out += data

    async def aclose(self):
        await self._flush()

    async def _flush(self):
        out, self._out = self._out, b""
        if out:
            await self._send(out)

    async def _send(self, data):
        self._due_ms = ticks_add(ticks_ms(), _WRITE_MS)
        self._stream.write(data)
        await self._stream.drain()
        await asyncio.sleep_ms(self._pause_ms())

    async def refuse(self):
        await self._receive()
        await self._send(_BUSY)

    async def end(self):
        if self.body:
            self.body.close()
        self._stream.close()
        await self._stream.wait_closed()
