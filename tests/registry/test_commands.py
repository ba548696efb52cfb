"""A command is sent while its device is online, until it is answered, or its time is over."""

import secrets
from datetime import timedelta

import pytest

from cloud.registration.commands import AGAIN_AFTER
from tests.registry.parties import certified
from tests.registry.test_twins import listening, next_of


@pytest.fixture
async def device(registration):
    """Of a name of its own: what the broker keeps of one test's device must not be taken for another's."""
    return await certified(registration, f"dev-{secrets.token_hex(4)}")


async def ask(registration, device, command: str = "identify", **more) -> int:
    body = {"ids": [device.id], "command": command, **more}
    answer = await registration.registration.post("/v1/commands", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["commands"][device.id]


async def read(registration, number: int) -> dict:
    return (await registration.registration.get(f"/v1/commands/{number}")).json()


async def ended(registration, number: int) -> dict:
    await registration.until(len, "SELECT FROM commands WHERE id = %s AND status <> 'QUEUED'", number)
    return await read(registration, number)


async def test_asked_done_answered(registration, device):
    async with listening(device, "commands/+") as told:
        number = await ask(registration, device, "send-log")
        order = await next_of(told)
        assert order["id"] == str(number) and order["expires"].endswith("Z")
        await device.say(
            "commands/send-log/result", id=str(number), status="SUCCEEDED", detail="", lines=["a"]
        )
        row = await ended(registration, number)
    assert (row["status"], row["result"], row["asked_by"]) == ("SUCCEEDED", {"lines": ["a"]}, "admin")
    what = [each["what"] for each in await registration.rows("SELECT what FROM audit ORDER BY id")]
    assert what[-2:] == ["command.asked", "command.SUCCEEDED"]
    listed = (await registration.registration.get(f"/v1/devices/{device.id}/commands")).json()["commands"]
    assert [each["id"] for each in listed] == [number]


async def test_it_waits_for_the_device_and_comes_again(registration, device):
    number = await ask(registration, device)
    assert (await read(registration, number))["sent_at"] is None
    async with listening(device, "commands/+") as told:
        assert (await next_of(told))["id"] == str(number)
        registration.clock.ahead = AGAIN_AFTER + timedelta(seconds=1)
        assert (await next_of(told))["id"] == str(number)


async def test_time_over(registration, device):
    never = await ask(registration, device, expires_s=60)
    registration.clock.ahead = timedelta(seconds=61)
    assert (await ended(registration, never))["detail"] == "the device was not online"
    async with listening(device, "commands/+") as told:
        deaf = await ask(registration, device, expires_s=60)
        await next_of(told)
        registration.clock.ahead = timedelta(seconds=200)
        row = await ended(registration, deaf)
        assert (row["status"], row["detail"]) == ("TIMED_OUT", "the device did not answer")
        await device.say("commands/identify/result", id=str(deaf), status="SUCCEEDED")
        await device.say("commands/identify/result", id="nonsense", status="SUCCEEDED")
        last = await ask(registration, device)
        await device.say("commands/identify/result", id=str(last), status="REJECTED", detail="state RECORD")
        assert (await ended(registration, last))["detail"] == "state RECORD"
    assert (await read(registration, deaf))["status"] == "TIMED_OUT", "too late"
    assert (await registration.registration.get("/health")).json()["dropped"]["result"] == 2


async def test_nobody_answers_for_another(registration, device):
    other = await certified(registration, "dev-two")
    number = await ask(registration, device)
    async with listening(device, "commands/+") as told, other.online():
        await next_of(told)
        await other.say("commands/identify/result", id=str(number), status="SUCCEEDED")
        await device.say("commands/reboot/result", id=str(number), status="SUCCEEDED")  # another command
        await device.say("commands/identify/result", id=str(number), status="FAILED", detail="mine")
        row = await ended(registration, number)
    assert (row["status"], row["detail"]) == ("FAILED", "mine")


async def test_refused(registration, device):
    for body in (
        {"ids": [device.id], "command": "format"},
        {"ids": [], "command": "reboot"},
        {"ids": [device.id], "command": "reboot", "expires_s": 1},
    ):
        assert (await registration.registration.post("/v1/commands", json=body)).status_code == 422
    missing = {"ids": [device.id, "dev-nine"], "command": "reboot"}
    assert (await registration.registration.post("/v1/commands", json=missing)).status_code == 404
    assert not await registration.rows("SELECT FROM commands")
    for number in (0, 2**63, "x"):
        assert (await registration.registration.get(f"/v1/commands/{number}")).status_code == 422
    assert (await registration.registration.get("/v1/commands/99")).status_code == 404
