"""The dashboard over the two services, all in this process, and a client of it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from cloud.dashboard import app as dashboard
from cloud.dashboard.services import Services
from cloud.processes import Cloud as Stores
from tests.cloud.fleet import Cloud

PASSWORD = "correct horse battery"
ROLES = ("viewer", "operator", "approver", "admin")


class Answer:
    """`data` and `errors` of an answer."""

    def __init__(self, body: dict) -> None:
        self.data, self.errors = body.get("data"), body.get("errors") or []

    @property
    def code(self) -> str:
        return self.errors[0].get("extensions", {}).get("code", "")

    @property
    def only(self) -> Any:
        """What the one field at the top gave."""
        assert not self.errors, self.errors
        (value,) = self.data.values()
        return value


class Lab(Cloud):
    """`ask(query, who=role, **variables)`; `tokens` by role are those of programs, `cloud.access` knows no other."""

    def __init__(self, stores: Stores, database_url: str, folder: Path, stack: AsyncExitStack) -> None:
        super().__init__(stores, database_url, folder, stack)
        self.tokens: dict[str, str] = {}
        self.app: FastAPI
        self.client: httpx.AsyncClient

    async def start(self) -> None:
        await self.start_registration()
        await self.start_ota()
        apps = {"registration": self.registration_app, "ota": self.ota_app}
        clients = {name: await self._client(app) for name, app in apps.items()}
        self.app = dashboard.create_app(self._as("dashboard"), self.clock, Services(clients))
        await self.stack.enter_async_context(self.app.router.lifespan_context(self.app))
        self.client = await self._client(self.app)
        for role in ROLES:
            answer = await self.registration.post("/v1/tokens", json={"name": role, "role": role})
            self.tokens[role] = answer.json()["token"]

    async def _client(self, app: FastAPI) -> httpx.AsyncClient:
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://cloud")
        return await self.stack.enter_async_context(client)

    async def ask(self, query: str, who: str = "viewer", token: str = "", **variables: Any) -> Answer:
        token = token or self.tokens.get(who, "")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = {"query": query, "variables": variables}
        answer = await self.client.post("/graphql", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return Answer(answer.json())

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """The dashboard behind a real server, without TLS: its WebSocket URL."""
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            config = uvicorn.Config(self.app, lifespan="off", log_config=None, ws="websockets-sansio")
            server = uvicorn.Server(config)
            server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
            running = asyncio.create_task(server.serve([listening]))
            try:
                yield f"ws://127.0.0.1:{listening.getsockname()[1]}/graphql"
            finally:
                server.should_exit = True
                await running

    async def run(self, statement: str, *params: Any) -> None:
        async with self.app.state.pool.connection() as connection:
            await connection.execute(statement, params)

    async def rows_of_devices(self, count: int, **more: Any) -> list[str]:
        """Devices that are rows only: `board`, `version`, `group`, `online`, `state`, `soc`, `temp`, `name`."""
        ids = [f"{more.get('name', 'row')}-{number:04}" for number in range(count)]
        about = [more.get("board", "virtual"), more.get("version", "1.0.0"), more.get("group", "")]
        await self.run(_DEVICES, *about, self.clock(), ids)
        await self.run(_PRESENCE, more.get("online", True), self.clock(), ids)
        told = [more.get("state", "IDLE"), more.get("soc", 55), more.get("temp", 231), self.clock()]
        await self.run(_STATES, *told, ids)
        return ids


_DEVICES = """
INSERT INTO devices (id, board, app_version, runtime_version, group_name, enrolled_at)
SELECT id, %s, %s, '1.26.0', %s, %s FROM unnest(%s::text[]) d (id)
"""
_PRESENCE = "INSERT INTO presence SELECT id, %s, NULL, %s FROM (SELECT unnest(%s::text[]) AS id) d"
_STATES = """
INSERT INTO device_states SELECT id, %s, 3900, %s, %s, 'a', %s FROM (SELECT unnest(%s::text[]) AS id) d
"""
