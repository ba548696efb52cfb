"""What devices may say of themselves, and that nothing they say breaks anything."""

import json

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAID = {"confirmation": "confirmed", "code": 1, "details": ["the driver agreed"]}


async def test_attributes_are_merged_replaced_and_removed(ddi):
    target = await ddi.target()
    put = target.http.put
    href = (await target.poll())["configData"]["href"]
    assert (await put(href, json={"data": {"hw": "3", "vin": "x"}})).status_code == 200
    assert "configData" not in await target.poll()
    await put(href, json={"mode": "merge", "data": {"hw": "4"}})
    assert (await ddi.shown(target))["attributes"] == {"hw": "4", "vin": "x"}
    await put(href, json={"mode": "remove", "data": {"vin": ""}})
    assert (await ddi.shown(target))["attributes"] == {"hw": "4"}
    await put(href, json={"mode": "replace", "data": {"a": "1"}})
    assert (await ddi.shown(target))["attributes"] == {"a": "1"}


BAD_ATTRIBUTES = [
    {"data": {str(number): "x" for number in range(101)}},
    {"data": {"a" * 129: "x"}},
    {"data": {"a": "x" * 129}},
    {"data": {"a": "\x00"}},
    {"data": {"a": 1}},
    {"data": []},
    {},
]


async def test_attributes_have_bounds(ddi):
    target = await ddi.target()
    for body in BAD_ATTRIBUTES:
        assert (await target.http.put("configData", json=body)).status_code == 422, body
    assert (await ddi.shown(target))["attributes"] == {}
    for start, status in ((0, 200), (60, 422)):
        data = {str(start + number): "x" for number in range(60)}
        assert (await target.http.put("configData", json={"data": data})).status_code == status


async def test_installed_by_other_means(ddi):
    target = await ddi.target()
    await ddi.campaign(target)
    url, body = "installedBase", {"name": "gateway-os", "version": "2.0.0"}
    assert (await target.http.put(url, json=body)).status_code == 200
    assert (await target.http.put(url, json={**body, "version": "7.0.0"})).status_code == 404
    (device,) = await ddi.cloud.rows("SELECT app_version FROM devices WHERE id = %s", target.id)
    assert device["app_version"] == "2.0.0"


BAD = [
    b"",
    b"null",
    b"[]",
    b"\xff",
    b"[" * 5000,
    b'{"status": {"execution": "closed"}}',
    b'{"status": {"execution": "flying", "result": {"finished": "none"}}}',
    b'{"status": {"execution": "closed", "result": {"finished": "maybe"}}}',
    b'{"status": {"execution": "closed", "result": {"finished": "none", "progress": {"cnt": 1e99}}}}',
    b'{"status": {"execution": "closed", "result": {"finished": "none"}, "details": ["\\ud800"]}}',
    json.dumps(
        {"status": {"execution": "closed", "result": {"finished": "none"}, "details": ["x"] * 101}}
    ).encode(),
]


async def test_what_can_not_be_read_is_refused(ddi):
    target = await ddi.target()
    await ddi.campaign(target)
    headers = {"content-type": "application/json"}
    for place in ("deploymentBase", "cancelAction", "confirmationBase"):
        for body in BAD:
            answer = await target.http.post(f"{place}/1/feedback", content=body, headers=headers)
            assert answer.status_code in (400, 422), (place, body[:60], answer.text)
    assert (await ddi.job(target))["status"] == "QUEUED"


async def test_action_that_there_is_not(ddi):
    target = await ddi.target()
    for number in ("0", "-1", "x", "9223372036854775808", "999999"):
        for place in ("deploymentBase", "cancelAction", "confirmationBase", "installedBase"):
            assert (await target.http.get(f"{place}/{number}")).status_code in (404, 422)
        assert await target.say(number, "closed", "success") in (404, 422)


async def test_long_and_odd_words_are_cut(ddi):
    target = await ddi.target()
    await ddi.campaign(target)
    action = (await target.follow("deploymentBase"))["id"]
    assert await target.say(action, "proceeding", details=["a\x00b", "x" * 16_000]) == 200
    job = await ddi.job(target)
    assert (len(job["detail"]), job["detail"][:5]) == (500, "ab; x")


PROGRESS = [
    ("scheduled", None, "downloading", 0),
    ("download", {"cnt": -5, "of": 3}, "downloading", 0),
    ("proceeding", {"cnt": 1, "of": 4}, "downloading", 25),
    ("resumed", {"cnt": 0, "of": 0}, "downloading", 25),
    ("downloaded", {"cnt": 2, "of": 4}, "verifying", 50),
    ("proceeding", None, "verifying", 50),
    ("proceeding", {"cnt": 9, "of": 3}, "installed", 100),
    ("proceeding", None, "installed", 100),
]


async def test_progress(ddi):
    """What is not said stays as it was."""
    target = await ddi.target()
    await ddi.campaign(target)
    action = (await target.follow("deploymentBase"))["id"]
    for execution, progress, step, pct in PROGRESS:
        assert await target.say(action, execution, progress=progress) == 200
        job = await ddi.job(target)
        assert (job["status"], job["step"], job["progress_pct"]) == ("IN_PROGRESS", step, pct)


async def test_not_now_is_a_deferral(ddi):
    """hawkBit's "rejected": who can't at all says closed and failure."""
    target = await ddi.target()
    await ddi.campaign(target)
    action = (await target.follow("deploymentBase"))["id"]
    assert await target.say(action, "rejected", details=["battery low"]) == 200
    job = await ddi.job(target)
    assert (job["status"], job["deferred"]) == ("QUEUED", "battery low")
    assert "deploymentBase" in await target.poll()
    assert await target.say(action, "proceeding") == 200
    job = await ddi.job(target)
    assert (job["status"], job["deferred"]) == ("IN_PROGRESS", "")
    assert await target.say(action, "rejected", details=["too hot"]) == 200
    assert (await ddi.job(target))["deferred"] == "too hot"


async def test_confirmation_comes_before_the_deployment(ddi):
    target = await ddi.target(confirm=True)
    await ddi.campaign(target)
    asked = await target.follow("confirmationBase")
    action = asked["id"]
    (chunk,) = asked["confirmation"]["chunks"]
    assert (await target.http.get(f"deploymentBase/{action}")).status_code == 404
    assert (await target.http.get(chunk["artifacts"][0]["_links"]["download"]["href"])).status_code == 404
    assert await target.say(action, "proceeding") == 404
    post = target.http.post
    no = {"confirmation": "denied", "details": ["the car is moving"]}
    assert (await post(f"confirmationBase/{action}/feedback", json=no)).status_code == 200
    assert "confirmationBase" in await target.poll()
    assert (await ddi.job(target))["deferred"] == "not confirmed: the car is moving"
    (said,) = await ddi.cloud.rows("SELECT * FROM ddi_confirmations WHERE job_id = %s", int(action))
    assert (said["confirmed"], said["details"]) == (False, "the car is moving")
    assert (await post(f"confirmationBase/{action}/feedback", json=SAID)).status_code == 200
    assert (await target.follow("deploymentBase"))["deployment"] == asked["confirmation"]
    assert (await post(f"confirmationBase/{action}/feedback", json=SAID)).status_code == 404
    assert await target.say(action, "closed", "success") == 200
    assert (await post(f"confirmationBase/{action}/feedback", json=SAID)).status_code == 410


async def test_forced_campaign_asks_nobody(ddi):
    target = await ddi.target(confirm=True)
    await ddi.campaign(target, forced=True)
    assert "deploymentBase" in await target.poll()


async def test_auto_confirmation(ddi):
    target = await ddi.target(confirm=True)
    await ddi.campaign(target)
    before = (await target.http.get("confirmationBase")).json()
    assert before["autoConfirm"] == {"active": False} and "confirmationBase" in before["_links"]
    said = {"initiator": "the owner", "remark": "at night only"}
    assert (
        await target.http.post(before["_links"]["activateAutoConfirm"]["href"], json=said)
    ).status_code == 200
    after = (await target.http.get("confirmationBase")).json()
    assert after["autoConfirm"].pop("activatedAt") > 1_700_000_000_000
    assert after["autoConfirm"] == {"active": True, **said} and list(after["_links"]) == [
        "deactivateAutoConfirm"
    ]
    assert "deploymentBase" in await target.poll()
    assert (await target.http.post(after["_links"]["deactivateAutoConfirm"]["href"])).status_code == 200
    assert "confirmationBase" in await target.poll()
