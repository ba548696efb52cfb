"""Desired settings reach a device whenever it comes, and what it reports is kept."""

import asyncio
import secrets
from contextlib import asynccontextmanager

import pytest

from tests.cloud.fleet import WAIT_S, Device
from tests.registry.parties import certified
from wire import topics


@asynccontextmanager
async def listening(device: Device, name: str):
    """The queue of what comes to a device that is online, on one more topic than jobs/notify."""
    async with device.online(name):
        yield device.told


async def next_of(told: asyncio.Queue) -> dict:
    return await asyncio.wait_for(told.get(), WAIT_S)


async def desire(registration, device: str, **settings):
    version = settings.pop("version", None)
    body = {"ids": [device], "settings": settings, "version": version}
    return await registration.registration.post("/v1/configs", json=body)


async def twin(registration, device: str) -> dict:
    return (await registration.registration.get(f"/v1/devices/{device}/config")).json()


@pytest.fixture
async def device(registration):
    """Of a name of its own: what the broker keeps of one test's device must not be taken for another's."""
    return await certified(registration, f"dev-{secrets.token_hex(4)}")


async def test_to_a_device_that_is_online_and_to_one_that_comes_later(registration, device):
    async with listening(device, "config/desired") as told:
        assert (await desire(registration, device.id, segment_s=30)).json() == {"versions": {device.id: 1}}
        assert await next_of(told) == {"v": 1, "version": 1, "settings": {"segment_s": 30}}
        await device.say(
            "config/reported", version=1, settings={"segment_s": 30}, refused={"x": "no setting 'x'"}
        )
        await registration.until(len, "SELECT FROM twins WHERE reported_version = 1")
    assert (await twin(registration, device.id))["settled"]
    await desire(registration, device.id, heartbeat_s=120, segment_s=None)
    await registration.until(len, "SELECT FROM twins WHERE sent_version = 2")
    async with listening(device, "config/desired") as told:
        assert (await next_of(told))["settings"] == {"heartbeat_s": 120}, "retained, and only the last"
    shown = await twin(registration, device.id)
    assert (shown["settled"], shown["version"], shown["reported_version"]) == (False, 2, 1)
    assert (shown["reported"], shown["refused"]) == ({"segment_s": 30}, {"x": "no setting 'x'"})


async def test_what_the_broker_lost_is_sent_once_more(registration, device):
    async with listening(device, "config/desired") as told:
        await desire(registration, device.id, segment_s=30)
        await next_of(told)
        await device.say("config/reported", version=0, settings={})
        assert (await next_of(told))["version"] == 1


async def test_a_change_names_the_version_it_read(registration, device):
    assert (await desire(registration, device.id, segment_s=30, version=0)).status_code == 200
    late = await desire(registration, device.id, segment_s=40, version=0)
    assert (late.status_code, late.json()["error"]) == (409, f"not at version 0: {device.id}; read it again")
    assert (await twin(registration, device.id))["desired"] == {"segment_s": 30}
    answers = await asyncio.gather(
        *(desire(registration, device.id, segment_s=50, version=1) for _ in range(5))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 4


async def test_what_is_the_owners_stays_the_owners(registration, device):
    for name in topics.LOCAL_SETTINGS:
        answer = await desire(registration, device.id, **{name: "x"})
        assert (answer.status_code, f"{name} is set at the device alone" in answer.text) == (422, True)


async def test_reports_that_make_no_sense_are_dropped_and_counted(registration, device):
    async with device.online():
        for payload in (b"", b"[]", b'{"v":1}', b'{"v":1,"version":1,"settings":{"a":"\\u0000"}}',
                        b'{"v":1,"version":1,"settings":{"a":[1]}}', b'{"v":2,"version":1,"settings":{}}'):  # fmt: skip
            await device.say_raw("config/reported", payload)
        await device.say("config/reported", version=0, settings={"segment_s": 60})
        await registration.until(len, "SELECT FROM twins")
    health = (await registration.registration.get("/health")).json()
    assert health["dropped"]["reported"] == 6
    assert (await twin(registration, device.id))["reported"] == {"segment_s": 60}
