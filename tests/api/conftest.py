"""The services in this process, a token for each role, and two devices."""

from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from cryptography import x509
from fastapi import FastAPI

from cloud import pki
from cloud.access import ROLES
from cloud.dashboard import app as dashboard
from cloud.dashboard.services import Services
from tests.cloud.conftest import cloud, database_url, registration
from tests.cloud.fleet import Cloud
from tools.fleet import identities

__all__ = ["cloud", "database_url", "registration"]  # fixtures, for the tests here

OWN, FOREIGN = "dev-own", "dev-foreign"


@dataclass
class Callers:
    """`ask(service, method, path, who)`: the answer that one of `tokens`, or a device's certificate, gets."""

    apps: dict[str, FastAPI]
    tokens: dict[str, str]  # by role
    certificates: dict[str, bytes]  # DER by device
    targets: dict[str, str]  # target token by device
    statuses: list[int] = field(default_factory=list)

    async def ask(
        self,
        service: str,
        method: str,
        path: str,
        *,
        role: str = "",
        device: str = "",
        target: str = "",
        **more: Any,
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}
        if target:
            headers = {"Authorization": f"TargetToken {self.targets[target]}"}
        transport = httpx.ASGITransport(
            shown(self.apps[service], self.certificates.get(device)), raise_app_exceptions=False
        )
        async with httpx.AsyncClient(
            transport=transport, base_url="https://cloud", headers=headers
        ) as client:
            answer = await client.request(method, path, **more)
        self.statuses.append(answer.status_code)
        return answer


def shown(app: FastAPI, der: bytes | None):
    """The app behind TLS on which this client certificate was shown, as cloud/serve.py tells it."""

    async def behind(scope, receive, send):
        await app({**scope, "state": {**scope.get("state", {}), "client_certificate": der}}, receive, send)

    return behind


@pytest.fixture
async def callers(cloud: Cloud) -> Callers:
    apps = {"registration": cloud.registration_app, "ota": cloud.ota_app}
    others = Services({"registration": cloud.registration, "ota": cloud.ota})
    apps["dashboard"] = dashboard.create_app(
        replace(cloud.stores.settings_of("dashboard"), postgres_url=cloud.database_url), cloud.clock, others
    )
    await cloud.stack.enter_async_context(apps["dashboard"].router.lifespan_context(apps["dashboard"]))
    tokens = {"nobody": "x" * 32}
    for role in ROLES:
        answer = await cloud.registration.post("/v1/tokens", json={"name": role, "role": role})
        tokens[role] = answer.json()["token"]
    authority = pki.load_authority(cloud.stores.ca, cloud.stores.material.ca_key)
    made = identities.sign([OWN, FOREIGN], authority)
    identities.store(cloud.database_url, made)
    targets = {}
    for device in (OWN, FOREIGN):
        answer = await cloud.ota.post("/v1/targets", json={"id": device})
        targets[device] = answer.json()["token"]
    return Callers(apps, tokens, {each.id: each.der for each in made}, targets)


def serial_of(der: bytes) -> str:
    return format(x509.load_der_x509_certificate(der).serial_number, "x")
