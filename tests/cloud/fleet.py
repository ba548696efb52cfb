"""What the tests of the cloud drive: both services in this process, and devices that speak the protocol."""

import asyncio
import json
import secrets
import socket
import ssl
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiomqtt
import httpx
import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fastapi import FastAPI
from psycopg.rows import dict_row

from cloud.embedded import ports
from cloud.embedded.python import Service
from cloud.ota import app as ota
from cloud.processes import Cloud as Stores
from cloud.registration import app as registration
from cloud.settings import Settings
from tools import release as releases
from tools.release_build import pack
from wire import topics

WAIT_S = 15.0
LEASE_S = 2


class Clock:
    """The time that the services are told; tests move it on."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Cloud:
    """Both services and their stores. `stack` is left when the test ends."""

    stores: Stores
    database_url: str
    folder: Path
    stack: AsyncExitStack
    clock: Clock = field(default_factory=Clock)
    registration: httpx.AsyncClient = field(init=False)
    registration_app: FastAPI = field(init=False)
    ota: httpx.AsyncClient = field(init=False)
    ota_app: FastAPI = field(init=False)

    async def start_registration(self) -> None:
        self.registration_app = registration.create_app(self._as("registration"), self.clock)
        self.registration = await self.stack.enter_async_context(serving(self.registration_app))

    async def start_ota(self) -> None:
        self.ota_app = self.new_ota()
        self._ota_stack = await self.stack.enter_async_context(AsyncExitStack())
        self.ota = await self._ota_stack.enter_async_context(serving(self.ota_app))

    async def stop_ota(self) -> None:
        await self._ota_stack.aclose()

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.stores.ca))

    def ota_service(self, **more: str) -> Service:
        """The OTA service as a process of its own, on this test's database; not yet started. `more`: variables.

        Not on the port of these stores: nobody has listened there, so that it may be taken by now.
        """
        (port,) = ports.free(1)
        own = {"FIELDREC_POSTGRES_URL": self.database_url, "FIELDREC_OTA_PORT": str(port)}
        return Service("ota", self.folder, port, self.stores.environ_of("ota") | own | more)

    def new_ota(self, client_id: str = "service-ota") -> FastAPI:
        return ota.create_app(self._as("ota"), self.clock, client_id, LEASE_S)

    def _as(self, service: str) -> Settings:
        return replace(self.stores.settings_of(service), postgres_url=self.database_url)

    @property
    def release_key(self) -> Path:
        return self.stores.keys / "release.pem"

    async def connected(self) -> psycopg.AsyncConnection[dict]:
        """To the database, behind the services' back."""
        return await psycopg.AsyncConnection.connect(self.database_url, autocommit=True, row_factory=dict_row)

    async def rows(self, statement: str, *params) -> list[dict]:
        async with await self.connected() as connection:
            return await (await connection.execute(statement, params)).fetchall()

    async def claim(self, **whom) -> str:
        answer = await self.registration.post("/v1/claims", json=whom)
        assert answer.status_code == 201, answer.text
        return answer.json()["token"]

    async def device(self, number: int = 1, version: str = "1.0.0") -> "Device":
        """Enrolled, and online."""
        device = Device(f"dev-{secrets.token_hex(4)}-{number}", self, version)
        await device.enrol()
        await self.stack.enter_async_context(device.online())
        return device

    async def devices(self, count: int) -> list["Device"]:
        devices = [await self.device(number) for number in range(count)]
        await self.until(
            lambda rows: len(rows) == count,
            "SELECT 1 FROM presence WHERE online AND device_id = ANY(%s)",
            [device.id for device in devices],
        )
        return devices

    async def release(self, version: str = "1.1.0") -> str:
        """Published; its digest."""
        path = release_file(self.folder, self.release_key, version)
        answer = await self.ota.post("/v1/releases", content=path.read_bytes())
        assert answer.status_code == 201, answer.text
        return answer.json()["digest"]

    async def campaign(self, digest: str, devices: list["Device"], **more) -> int:
        asked = {
            "release": digest,
            "filter": {"board": "virtual", "ids": [device.id for device in devices]},
            "groups": [{"name": "canary", "count": 1}, {"name": "rest", "share": 1.0}],
            **more,
        }
        answer = await self.ota.post("/v1/campaigns", json=asked)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    async def read(self, campaign: int, ota: httpx.AsyncClient | None = None) -> dict:
        return (await (ota or self.ota).get(f"/v1/campaigns/{campaign}")).json()

    async def change(self, campaign: int, action: str, why: str = "") -> dict:
        answer = await self.ota.post(f"/v1/campaigns/{campaign}/{action}", json={"why": why})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def after_a_tick(self, campaign: int) -> dict:
        """The campaign once the scheduler has seen all that is in the tables now: a tick leaves its mark."""
        before = await self.rows("SELECT xmin FROM leaders")
        await self.until(lambda rows: rows != before, "SELECT xmin FROM leaders")
        between = await self.rows("SELECT xmin FROM leaders")
        await self.until(lambda rows: rows != between, "SELECT xmin FROM leaders")
        return await self.read(campaign)

    async def until_campaign(self, campaign: int, status: str, ota: httpx.AsyncClient | None = None) -> dict:
        await self.until(
            lambda rows: rows[0]["status"] == status,
            "SELECT status, reason FROM campaigns WHERE id = %s",
            campaign,
        )
        return await self.read(campaign, ota)

    async def until(
        self, right: Callable[[list[dict]], bool], statement: str, *params, within_s: float = WAIT_S
    ) -> list[dict]:
        """The rows, once they are `right`: a table says nothing by itself when it changes, so it is asked."""
        rows = []
        try:
            async with asyncio.timeout(within_s), await self.connected() as connection:
                while not right(rows := await (await connection.execute(statement, params)).fetchall()):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"after {within_s} s still: {rows}") from None
        return rows


@asynccontextmanager
async def serving(app: FastAPI):
    """A client, as admin, of an app whose lifespan has begun and that has reached the broker."""
    headers = {"Authorization": f"Bearer {app.state.settings.admin_token}"}
    async with app.router.lifespan_context(app):
        async with asyncio.timeout(WAIT_S):
            await app.state.bus.connected.wait()
        transport = httpx.ASGITransport(app)
        client = httpx.AsyncClient(transport=transport, base_url="https://cloud", headers=headers)
        async with client:
            yield client


def release_file(folder: Path, key: Path, version: str = "1.1.0", fill: bytes = b"x", **fields) -> Path:
    """A small release, signed."""
    manifest = {
        "kind": "app",
        "name": "fieldrec",
        "version": version,
        "security_version": 1,
        "boards": ["virtual"],
        "requires": {"runtime": "1.26.0", "app": "0.0.0"},
        "created": "2026-01-01T00:00:00Z",
        **fields,
    }
    path = folder / f"fieldrec-{version}.frel"
    path.write_bytes(pack(manifest, {"app/main.mpy": fill * 10_000, "wire/x.mpy": b"x"}))
    releases.sign(path, key)
    return path


def csr_of(common_name: str, key: ec.EllipticCurvePrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return b64encode(csr.public_bytes(serialization.Encoding.DER)).decode()


class Device:
    """A recorder as the cloud sees it. `told` has every notify that came; `finish` answers a job."""

    def __init__(self, device_id: str, cloud: Cloud, version: str = "1.0.0"):
        self.id, self.version = device_id, version
        self.told: asyncio.Queue[dict] = asyncio.Queue()
        self._ended: set[str] = set()  # jobs
        self._cloud = cloud
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._client: aiomqtt.Client
        self._listening: asyncio.Task

    def enrolment(self, token: str, **other) -> dict:
        return {
            "v": 1,
            "device_id": self.id,
            "token": token,
            "csr": csr_of(self.id, self._key),
            "board": "virtual",
            "versions": {"app": self.version, "runtime": "1.26.0"},
            **other,
        }

    async def enrol(self) -> None:
        token = await self._cloud.claim(device_id=self.id)
        answer = await self._cloud.registration.post("/v1/enrol", json=self.enrolment(token))
        assert answer.status_code == 201, answer.text
        self._keep(b64decode(answer.json()["certificate"]))

    def _keep(self, der: bytes) -> None:
        form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        pem = x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)
        self._pem = self._cloud.folder / f"{self.id}.pem"
        self._pem.write_bytes(pem + self._key.private_bytes(*form))

    async def cut(self) -> None:
        """The link breaks, without a word to the broker."""
        link = self._client._client.socket()
        assert isinstance(link, socket.socket)
        link.shutdown(socket.SHUT_RDWR)
        with suppress(aiomqtt.MqttError):
            await asyncio.wait_for(self._listening, WAIT_S)

    @asynccontextmanager
    async def online(self, *more: str):
        """Connected, and subscribed to jobs/notify and `more` before it says that it is there."""
        tls = self._cloud.tls()
        tls.load_cert_chain(self._pem)
        will = aiomqtt.Will(topics.topic(self.id, "presence"), _json(online=False, since=None), 1, True)
        port = self._cloud.stores.ports["broker"]
        async with aiomqtt.Client(
            "127.0.0.1", port, identifier=self.id, tls_context=tls, will=will
        ) as client:
            self._client = client
            for name in ("jobs/notify", *more):
                await client.subscribe(topics.topic(self.id, name), qos=1)
            self._listening = asyncio.create_task(self._listen(client))
            await self.say("presence", retain=True, online=True, since="2026-01-01T00:00:00Z")
            yield self
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            self.told.put_nowait(json.loads(message.payload))

    async def say(self, name: str, retain: bool = False, **fields) -> None:
        await self.say_raw(name, _json(**fields), retain)

    async def say_raw(self, name: str, payload: bytes, retain: bool = False) -> None:
        await self._client.publish(topics.topic(self.id, name), payload, qos=1, retain=retain)

    async def heartbeat(self, **other) -> None:
        fields = {
            "state": "IDLE", "vbat_mv": 3900, "soc_pct": 80, "temp_decic": 253,
            "versions": {"app": self.version, "runtime": "1.26.0"}, "slot": "a",
            "uptime_s": 60, "mem_free": 100_000, "counters": {"overruns": 0}, **other,
        }  # fmt: skip
        await self.say("heartbeat", **fields)

    async def job(self) -> dict:
        """The next notify of a job that it has not ended: it may be told of one again that it has."""
        async with asyncio.timeout(WAIT_S):
            while (told := await self.told.get())["job"] in (None, *self._ended):
                continue
        return told

    async def report(self, job: dict, status: str, step: str = "", detail: str = "") -> None:
        name = f"jobs/{job['job']}/update"
        if status in topics.ENDED:
            self._ended.add(job["job"])
        await self.say(name, status=status, step=step, progress_pct=100, detail=detail)

    async def update(self, status: str = "SUCCEEDED", detail: str = "") -> dict:
        """Take the next job through all its steps."""
        job = await self.job()
        for step in topics.STEPS[:4]:
            await self.report(job, "IN_PROGRESS", step)
        if status == "SUCCEEDED":
            self.version = job["version"]
            await self.heartbeat()
        await self.report(job, status, "confirmed" if status == "SUCCEEDED" else "reverted", detail)
        return job


def _json(**fields) -> bytes:
    return json.dumps({"v": topics.VERSION, **fields}).encode()
