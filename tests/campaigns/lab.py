"""The OTA service's routes, jobs and ticks on a real database, without broker or election: tests say when a tick is."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
from fastapi import FastAPI

from cloud.bus import Bus, Message
from cloud.db import Pool, database
from cloud.objects import open_store
from cloud.ota import app as ota
from cloud.ota.jobs import TOPICS, Jobs, Notifier
from cloud.ota.scheduler import tick
from cloud.processes import Cloud as Stores
from tests.cloud.fleet import Clock, release_file

WHO = "scheduler:test@1"


@dataclass
class Lab:
    """`api` is the admin's; `clock.ahead` moves the time."""

    stores: Stores
    app: FastAPI
    pool: Pool
    folder: Path
    api: httpx.AsyncClient
    clock: Clock
    devices_made: int = 0

    async def rows(self, statement: str, *params) -> list[dict]:
        async with self.pool.connection() as connection:
            return await (await connection.execute(statement, params)).fetchall()

    async def run(self, statement: str, *params) -> None:
        async with self.pool.connection() as connection:
            await connection.execute(statement, params)

    async def devices(
        self, count: int, version: str = "1.0.0", online: bool = True, **more: str
    ) -> list[str]:
        """Rows of devices: their ids. `more`: board, runtime, group."""
        start, self.devices_made = self.devices_made, self.devices_made + count
        ids = [f"dev-{number:06}" for number in range(start, start + count)]
        about = (more.get("board", "virtual"), version, more.get("runtime", "1.26.0"), more.get("group", ""))
        await self.run(_DEVICES, *about, self.clock(), ids)
        if online:
            await self.run(
                "INSERT INTO presence SELECT unnest(%s::text[]), true, NULL, %s", ids, self.clock()
            )
        return ids

    async def release(self, version: str = "1.1.0", **fields) -> str:
        path = release_file(self.folder, self.stores.keys / "release.pem", version, **fields)
        answer = await self.api.post("/v1/releases", content=path.read_bytes())
        assert answer.status_code == 201, answer.text
        return answer.json()["digest"]

    async def campaign(self, digest: str, **more) -> int:
        asked = {"release": digest, "groups": [{"name": "all", "share": 1.0}], **more}
        return (await self.post("/v1/campaigns", asked, 201))["id"]

    async def post(self, path: str, asked: dict | None = None, status: int = 200, token: str = "") -> dict:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = await self.api.post(path, json=asked or {}, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def get(self, path: str) -> dict:
        answer = await self.api.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def token(self, name: str, role: str) -> str:
        await self.run(
            "INSERT INTO tokens (name, sha256, role, created_at) VALUES (%s, sha256(%s), %s, now())",
            name,
            f"token of {name}".encode(),
            role,
        )
        return f"token of {name}"

    async def tick(self, times: int = 1) -> bool:
        """Whether the last one left something to be done at once."""
        more = False
        for _ in range(times):
            async with self.pool.connection() as connection:
                more = await tick(connection, self.clock(), WHO)
        return more

    def later(self, **time: float) -> None:
        self.clock.ahead += timedelta(**time)

    async def read(self, campaign: int) -> dict:
        return await self.get(f"/v1/campaigns/{campaign}")

    async def counts(self, campaign: int) -> list[dict]:
        return [group["jobs"] for group in (await self.read(campaign))["groups"]]

    async def active(self, campaign: int) -> dict[str, int]:
        """{device: job} that are QUEUED or IN_PROGRESS."""
        rows = await self.rows(
            "SELECT device_id, id FROM jobs WHERE campaign_id = %s AND ended_at IS NULL ORDER BY id", campaign
        )
        return {row["device_id"]: row["id"] for row in rows}

    def message(self, device: str, job: int, status: str, step: str = "", **more) -> Message:
        payload = json.dumps({"v": 1, "status": status, "step": step, **more}).encode()
        return Message(device, f"jobs/{job}/update", payload)

    async def say(self, device: str, job: int, status: str, step: str = "", **more) -> None:
        await self.app.state.jobs.handle([self.message(device, job, status, step, **more)])

    async def end(self, campaign: int, *statuses: str) -> list[str]:
        """The first active jobs end so; their devices. One that succeeds runs the new version."""
        jobs = list((await self.active(campaign)).items())[: len(statuses)]
        assert len(jobs) == len(statuses), f"only {len(jobs)} are active"
        for (device, job), status in zip(jobs, statuses, strict=True):
            await self.say(
                device, job, status, "confirmed" if status == "SUCCEEDED" else "reverted", detail="x"
            )
            if status == "SUCCEEDED":
                await self.run(_UPDATED, device, campaign)
        return [device for device, _ in jobs]

    async def handed_out(self, *devices: str) -> dict[str, dict]:
        """{device: what it would be told}."""
        notifier = self.app.state.notifier
        return {row["device_id"]: notifier._described(row) for row in await notifier._pending(list(devices))}


@asynccontextmanager
async def lab(stores: Stores, database_url: str, folder: Path) -> AsyncIterator[Lab]:
    clock, settings = Clock(), stores.settings_of("ota")
    app = ota.create_app(settings, clock)
    state = app.state
    state.wake, state.objects = asyncio.Event(), open_store(settings)
    headers = {"Authorization": f"Bearer {settings.admin_token}"}
    async with database(database_url) as state.pool:
        state.notifier = Notifier(state.pool, Bus(settings, "service-ota", TOPICS), state.objects, clock)
        state.jobs = Jobs(state.pool, state.notifier, clock, state.wake)
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="https://cloud", headers=headers
        )
        async with client:
            yield Lab(stores, app, state.pool, folder, client, clock)


_DEVICES = """
INSERT INTO devices (id, board, app_version, runtime_version, group_name, enrolled_at)
SELECT id, %s, %s, %s, %s, %s FROM unnest(%s::text[]) d (id)
"""

_UPDATED = """
UPDATE devices d SET app_version = r.version FROM campaigns c JOIN releases r ON r.digest = c.release_digest
WHERE d.id = %s AND c.id = %s
"""
