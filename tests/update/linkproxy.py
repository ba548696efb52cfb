"""A TCP proxy that does to a link what radio, routers and cellars do to it. Which fault comes when is drawn by seed."""

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

PIECE = 1460  # bytes passed on at a time, as of one packet


@dataclass(frozen=True)
class Fault:
    """What befalls a connection once `after` bytes went to the device.

    none      nothing
    drop      it is reset
    cut       it ends as if all had been said
    stall     nothing comes any more, but it stays open
    corrupt   a bit is flipped, once
    delay     from the start: each packet comes late
    """

    kind: str
    after: int = 0


KINDS = ("none", "none", "none", "drop", "drop", "cut", "cut", "corrupt", "delay", "stall")


def drawn(draw: random.Random, most: int) -> Fault:
    """A fault for a connection, at a place up to `most` bytes; small ones often, for the handshake is there."""
    return Fault(draw.choice(KINDS), int(most * draw.random() ** 2))


class LinkProxy:
    """Listens for one download, in front of 127.0.0.1:`target`. `plan(n)` is the fault of its connection n."""

    def __init__(self, target: int, plan: Callable[[int], Fault]) -> None:
        self.faults: Counter[str] = Counter()
        self.to_device = 0  # bytes on the wire, those of TLS included
        self.port = 0
        self._target, self._plan = target, plan
        self._count = 0
        self._tasks: set[asyncio.Task | None] = set()  # else nothing keeps them alive
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server
        self._server.close()

    async def _accept(self, device: asyncio.StreamReader, to_device: asyncio.StreamWriter) -> None:
        fault = self._plan(self._count)
        self._count += 1
        self._tasks.add(asyncio.current_task())
        try:
            server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            return _reset(to_device)
        upwards = asyncio.create_task(_pass_on(device, to_server))
        try:
            await self._downwards(server, to_device, fault)
        except OSError:
            self.faults["closed by the device"] += 1
        except asyncio.CancelledError:
            return  # the end of the test; the task's own callback would print it
        finally:
            upwards.cancel()
            for writer in (to_server, to_device):
                writer.close()
            self._tasks.discard(asyncio.current_task())

    async def _downwards(
        self, server: asyncio.StreamReader, device: asyncio.StreamWriter, fault: Fault
    ) -> None:
        passed = 0
        while data := await server.read(PIECE):
            if fault.kind == "delay":
                await asyncio.sleep(0.002)
            elif fault.kind != "none" and passed + len(data) > fault.after:
                self.faults[fault.kind] += 1
                await self._send(device, data[: fault.after - passed])
                if fault.kind != "corrupt":
                    return await _END[fault.kind](device)
                data = bytes([data[fault.after - passed] ^ 0x10]) + data[fault.after - passed + 1 :]
                fault = Fault("none")
            await self._send(device, data)
            passed += len(data)

    async def _send(self, device: asyncio.StreamWriter, data: bytes) -> None:
        device.write(data)
        await device.drain()
        self.to_device += len(data)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """With RST, and what was not sent yet thrown away."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _drop(writer: asyncio.StreamWriter) -> None:
    _reset(writer)


async def _cut(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _stall(writer: asyncio.StreamWriter) -> None:
    """Until the device loses patience and closes."""
    for _ in range(500):
        await asyncio.sleep(0.02)
        if writer.transport.is_closing():
            return


_END = {"drop": _drop, "cut": _cut, "stall": _stall}


class Loop:
    """An event loop in a thread of its own, for proxies."""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        return self

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def __exit__(self, *_: object) -> None:
        self.run(_cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_all() -> None:
    rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
