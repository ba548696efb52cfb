"""A device that speaks hawkBit's DDI, and what it is given."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from cloud.processes import Cloud as Stores
from tests import databases
from tests.cloud.conftest import database_url, registration
from tests.cloud.fleet import Cloud
from tools import release as releases
from tools.release_build import pack

__all__ = ["database_url", "registration"]  # fixtures, for the tests here

BOARD = "gateway"
BUNDLE = bytes(range(256)) * 400  # 102,400 bytes


def bundle_file(
    folder: Path, key: Path, version: str = "2.0.0", contents: dict[str, bytes] | None = None
) -> Path:
    """A signed release for `BOARD`, by default of one file."""
    fields = {
        "kind": "app",  # what the keys of tests may sign
        "name": "gateway-os",
        "version": version,
        "security_version": 1,
        "boards": [BOARD, "virtual"],
        "requires": {"runtime": "0.0.0", "app": "0.0.0"},
        "created": "2026-01-01T00:00:00Z",
    }
    path = folder / f"gateway-os-{version}.frel"
    path.write_bytes(pack(fields, contents or {"images/gateway.swu": BUNDLE}))
    releases.sign(path, key)
    return path


@dataclass
class Target:
    """A device with a target token. `http` begins at its own URL."""

    id: str
    token: str
    http: httpx.AsyncClient

    async def poll(self) -> dict:
        answer = await self.http.get("")
        assert answer.status_code == 200, answer.text
        return answer.json()["_links"]

    async def follow(self, name: str) -> dict:
        """What the link of that name in a poll leads to."""
        answer = await self.http.get((await self.poll())[name]["href"])
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def say(self, action: str, execution: str, finished: str = "none", **more) -> int:
        """The status of the answer."""
        result = {"finished": finished, "progress": more.pop("progress", None)}
        body = {
            "id": action,
            "time": "20260101T000000",
            "status": {"execution": execution, "result": result, **more},
        }
        return (await self.http.post(f"deploymentBase/{action}/feedback", json=body)).status_code


@dataclass
class Ddi:
    """The cloud, and targets in it."""

    cloud: Cloud

    async def target(self, device: str = "", **more) -> Target:
        device = device or f"gw-{secrets.token_hex(4)}"
        answer = await self.cloud.ota.post("/v1/targets", json={"id": device, "board": BOARD, **more})
        assert answer.status_code == 201, answer.text
        token = answer.json()["token"]
        return Target(device, token, await self.client(device, Authorization=f"TargetToken {token}"))

    async def client(self, device: str, **headers: str) -> httpx.AsyncClient:
        transport, base = (
            httpx.ASGITransport(self.cloud.ota_app),
            f"https://cloud/DEFAULT/controller/v1/{device}/",
        )
        client = httpx.AsyncClient(transport=transport, base_url=base, headers=headers, follow_redirects=True)
        return await self.cloud.stack.enter_async_context(client)

    def plain_http(self) -> httpx.AsyncClient:
        """Of nobody, over the network, trusting the cloud's CA."""
        return httpx.AsyncClient(verify=self.cloud.tls())

    async def publish(self, path: Path) -> str:
        answer = await self.cloud.ota.post("/v1/releases", content=path.read_bytes())
        assert answer.status_code == 201, answer.text
        return answer.json()["digest"]

    async def campaign(self, *targets: Target, release: str = "", **more) -> int:
        """Running, with a job for each."""
        digest = release or await self.publish(bundle_file(self.cloud.folder, self.cloud.release_key))
        ids = [target.id for target in targets]
        asked = {
            "release": digest,
            "filter": {"ids": ids},
            "groups": [{"name": "all", "share": 1}],
            "error_threshold": 1.0,
        }
        answer = await self.cloud.ota.post("/v1/campaigns", json=asked | more)
        assert answer.status_code == 201, answer.text
        number = answer.json()["id"]
        await self.cloud.until(
            lambda rows: len(rows) == len(ids), "SELECT FROM jobs WHERE campaign_id = %s", number
        )
        return number

    async def shown(self, target: Target) -> dict:
        """As an operator sees it."""
        listed = (await self.cloud.ota.get("/v1/targets")).json()["targets"]
        return next(each for each in listed if each["id"] == target.id)

    async def job(self, target: Target) -> dict:
        statement = "SELECT * FROM jobs WHERE device_id = %s ORDER BY id DESC"
        return (await self.cloud.rows(statement, target.id))[0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ota(cloud_stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    """The OTA service alone, in this process, on a database of its own; for all tests of a file."""
    with databases.migrated(cloud_stores) as url:
        async with AsyncExitStack() as stack:
            cloud = Cloud(cloud_stores, url, tmp_path_factory.mktemp("ddi"), stack)
            await cloud.start_ota()
            yield cloud


@pytest_asyncio.fixture(loop_scope="module")
async def ddi(ota: Cloud) -> AsyncIterator[Ddi]:
    """What the tests before have left there is of other devices."""
    yield Ddi(ota)
    ota.clock.ahead = timedelta()
