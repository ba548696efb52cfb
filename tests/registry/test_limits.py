"""Floods are turned away by address; without Redis nobody is; bodies have an end."""

import logging
from contextlib import aclosing

import httpx
import pytest
from starlette.requests import Request

from cloud.bodies import BODY_MAX
from cloud.limits import Limits, address
from cloud.web import Refused
from tests.cloud.fleet import Device


@pytest.fixture
async def limited(registration):
    """Few are let through, and the minute never ends."""
    app = registration.registration_app
    limits = Limits(app.state.settings.redis_url, {"enrol": 3, "wrong token": 2}, lambda: 6e9)
    async with aclosing(limits) as app.state.limits:
        yield registration


def at(registration, host: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(registration.registration_app, client=(host, 1234))
    return httpx.AsyncClient(transport=transport, base_url="https://cloud")


async def test_enrolments_by_address(limited):
    body = Device("dev-one", limited).enrolment("guessed")
    async with at(limited, "192.0.2.1") as one, at(limited, "192.0.2.2") as other:
        statuses = [(await one.post("/v1/enrol", json=body)).status_code for _ in range(5)]
        assert statuses == [403, 403, 403, 429, 429]
        assert (await other.post("/v1/enrol", json=body)).status_code == 403


async def test_wrong_tokens_by_address_and_right_ones_pass(limited):
    async with at(limited, "192.0.2.3") as client:
        wrong = {"Authorization": "Bearer guessed"}
        statuses = [(await client.get("/v1/devices", headers=wrong)).status_code for _ in range(4)]
        assert statuses == [401, 401, 429, 429]
        right = {"Authorization": limited.registration.headers["Authorization"]}
        assert (await client.get("/v1/devices", headers=right)).status_code == 200


async def test_one_network_of_ipv6_is_one_address():
    def of(host: str) -> str:
        return address(Request({"type": "http", "client": (host, 1)}))

    assert of("2001:db8::1") == of("2001:db8::ffff:1") == "2001:db8::/64"
    assert of("2001:db8:0:1::1") != of("2001:db8::1")
    assert of("testclient") == "unknown"


async def test_without_redis_nobody_is_kept_out(caplog):
    limits = Limits("redis://127.0.0.1:1/0", {"enrol": 0})
    request = Request({"type": "http", "client": ("192.0.2.4", 1)})
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await limits.take("enrol", request)
    assert len([each for each in caplog.records if "no limits for" in each.message]) == 1
    await limits.aclose()


async def test_with_redis_the_same_is_refused(cloud_stores):
    limits = Limits(cloud_stores.settings.redis_url, {"enrol": 0})
    request = Request({"type": "http", "client": ("192.0.2.5", 1)})
    with pytest.raises(Refused, match="too many requests from this address"):
        await limits.take("enrol", request)
    await limits.aclose()


async def endless(pieces: int):
    for _ in range(pieces):
        yield b" " * 65536


async def test_bodies(registration):
    for path, most in (("/v1/enrol", 65536), ("/v1/claims/csv", BODY_MAX), ("/v1/marks", BODY_MAX)):
        await bodies(registration.registration, path, most)


async def bodies(client: httpx.AsyncClient, path: str, most: int) -> None:
    announced = await client.post(path, content=b" " * (most + 1))
    assert (announced.status_code, announced.json()["error"]) == (
        413,
        f"the body is larger than {most} bytes",
    )
    grown = await client.post(path, content=endless(most // 65536 + 1))
    assert (grown.status_code, grown.json()["error"]) == (413, f"the body is larger than {most} bytes")
    assert (await client.post(path, content=b" " * (most - 1))).status_code == 422
