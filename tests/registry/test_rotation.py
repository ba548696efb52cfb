"""The next certificate: both hold until the new one is used, then the old one is revoked."""

import asyncio
from base64 import b64decode

import pytest

from tests.cloud.fleet import csr_of
from tests.registry.parties import by_certificate, certified, new_key


@pytest.fixture
async def device(registration):
    return await certified(registration)


async def revoked(registration) -> set[str]:
    rows = await registration.rows("SELECT serial FROM certificates WHERE revoked_at IS NOT NULL")
    return {row["serial"] for row in rows}


async def test_overlap_then_the_old_one_is_revoked(registration, device):
    old, old_serial, key = device.der, device.serial, new_key()
    answer = await device.rotate(key)
    assert answer.status_code == 201, answer.text
    assert answer.json()["renew"].endswith("Z")
    assert not await revoked(registration), "both hold"
    device.take(answer, key)
    assert (await device.post("/v1/certificates/used", {"v": 1})).json()["revoked"] == [old_serial]
    assert await revoked(registration) == {old_serial}
    late = await device.post("/v1/certificates/used", {"v": 1}, der=old)
    assert (late.status_code, late.json()["error"]) == (403, "the certificate of dev-one is revoked")
    assert (await device.post("/v1/certificates/used", {"v": 1})).json()["revoked"] == []


async def test_asked_again_it_is_the_same_one_or_replaces_the_unused(registration, device):
    key = new_key()
    first, again = await device.rotate(key), await device.rotate(key)
    assert first.json()["certificate"] == again.json()["certificate"]
    other = await device.rotate(new_key())
    assert other.json()["certificate"] != first.json()["certificate"]
    unused = await device.post("/v1/certificates/used", {"v": 1}, der=b64decode(first.json()["certificate"]))
    assert unused.status_code == 403
    assert len(await revoked(registration)) == 1


async def test_of_many_at_once_one_certificate_comes_out_per_key(registration, device):
    key = new_key()
    answers = await asyncio.gather(*(device.rotate(key) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["certificate"] for answer in answers}) == 1
    assert len(await registration.rows("SELECT FROM certificates")) == 2


async def test_the_old_one_used_again_revokes_nothing_newer(registration, device):
    await device.rotate(new_key())
    assert (await device.post("/v1/certificates/used", {"v": 1})).json()["revoked"] == []


async def test_refused(registration, device):
    same = await device.rotate(device.key)
    assert (same.status_code, "make a new key" in same.json()["error"]) == (400, True)
    foreign = await device.post("/v1/certificates", {"v": 1, "csr": csr_of("dev-two", new_key())})
    assert foreign.status_code == 400, "for another device"
    for path in ("/v1/certificates", "/v1/certificates/used"):
        async with by_certificate(registration, None) as client:
            answer = await client.post(path, json={"v": 1, "csr": csr_of("dev-one", new_key())})
            assert answer.status_code == 401
        admin = await registration.registration.post(path, json={"v": 1, "csr": "x"})
        assert admin.status_code == 401, "a token is no certificate"


async def test_others_are_left_alone(registration, device):
    other = await certified(registration, "dev-two")
    key = new_key()
    device.take(await device.rotate(key), key)
    await device.post("/v1/certificates/used", {"v": 1})
    assert other.serial not in await revoked(registration)
    assert (await other.post("/v1/certificates/used", {"v": 1})).status_code == 200


async def test_enrolled_anew_what_it_had_is_revoked(registration, device):
    old = device.serial
    device._key = new_key()
    await device.enrol()
    assert await revoked(registration) == {old}
