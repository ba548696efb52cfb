"""A client of subscriptions: graphql-transport-ws over one WebSocket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

WAIT_S = 10


class Watcher:
    """`subscribe` once for each subscription; `next` gives what came first and was not yet given."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._number = socket, 0

    async def subscribe(self, query: str, **variables: Any) -> str:
        self._number += 1
        payload = {"query": query, "variables": variables}
        await self._send({"id": str(self._number), "type": "subscribe", "payload": payload})
        return str(self._number)

    async def next(self) -> Any:
        """The one field of the next message; an error is raised as AssertionError with its code."""
        message = await self._receive()
        assert message["type"] == "next", message
        assert not message["payload"].get("errors"), message
        (value,) = message["payload"]["data"].values()
        return value

    async def _send(self, message: dict) -> None:
        await self._socket.send(json.dumps(message))

    async def _receive(self) -> dict:
        async with asyncio.timeout(WAIT_S):
            return json.loads(await self._socket.recv())


@asynccontextmanager
async def watching(url: str, token: str) -> AsyncIterator[Watcher]:
    async with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None) as socket:
        watcher = Watcher(socket)
        await watcher._send({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}})
        assert (await watcher._receive())["type"] == "connection_ack"
        yield watcher
