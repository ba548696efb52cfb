"""A device that polls gets its job, downloads it, and says what became of it."""

import hashlib
from datetime import timedelta

import pytest

from tests.ddi.conftest import BUNDLE, bundle_file

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOWN = {"deploymentBase", "installedBase", "cancelAction", "confirmationBase"}


async def test_poll_without_a_job_says_when_to_come_again(ddi):
    target = await ddi.target()
    body = (await target.http.get("")).json()
    hours, minutes, seconds = map(int, body["config"]["polling"]["sleep"].split(":"))
    assert 240 <= hours * 3600 + minutes * 60 + seconds <= 360
    assert list(body["_links"]) == ["configData"]


async def test_from_poll_to_installed(ddi):
    target = await ddi.target()
    campaign = await ddi.campaign(target, forced=True)
    deployment = await target.follow("deploymentBase")
    action, what = deployment["id"], deployment["deployment"]
    assert (what["download"], what["update"]) == ("forced", "forced")
    (chunk,) = what["chunks"]
    assert (chunk["part"], chunk["name"], chunk["version"]) == ("bApp", "gateway-os", "2.0.0")
    (artifact,) = chunk["artifacts"]
    assert (artifact["filename"], artifact["size"]) == ("gateway.swu", len(BUNDLE))
    assert artifact["hashes"] == {
        name: hashlib.new(name, BUNDLE).hexdigest() for name in ("sha1", "md5", "sha256")
    }
    assert (await ddi.job(target))["status"] == "QUEUED"  # it has only looked
    got = await target.http.get(artifact["_links"]["download"]["href"])
    assert (got.status_code, got.content) == (200, BUNDLE)
    assert (await ddi.job(target))["step"] == "downloading"
    assert await target.say(action, "proceeding", progress={"cnt": 1, "of": 4}) == 200
    job = await ddi.job(target)
    assert (job["status"], job["step"], job["progress_pct"]) == ("IN_PROGRESS", "downloading", 25)
    assert await target.say(action, "closed", "success", details=["All fine."]) == 200
    job = await ddi.job(target)
    assert (job["status"], job["step"], job["progress_pct"], job["detail"]) == (
        "SUCCEEDED",
        "confirmed",
        100,
        "All fine.",
    )
    await ddi.cloud.until_campaign(campaign, "SUCCEEDED")
    assert SHOWN & set(await target.poll()) == {"installedBase"}
    assert (await target.follow("installedBase"))["deployment"] == what
    (device,) = await ddi.cloud.rows("SELECT app_version FROM devices WHERE id = %s", target.id)
    assert device["app_version"] == "2.0.0"


RANGES = {
    "bytes=0-99": (0, 100),
    "bytes=102000-": (102_000, 102_400),
    "bytes=-10": (102_390, 102_400),
    "bytes=102400-": None,
    "bytes=5-1": None,
    "bytes=0-1,5-6": None,
}


async def test_ranges(ddi):
    target = await ddi.target()
    await ddi.campaign(target)
    (artifact,) = (await target.follow("deploymentBase"))["deployment"]["chunks"][0]["artifacts"]
    url = artifact["_links"]["download"]["href"]
    for asked, span in RANGES.items():
        got = await target.http.get(url, headers={"range": asked})
        if span is None:
            assert (got.status_code, got.headers["content-range"]) == (416, f"bytes */{len(BUNDLE)}"), asked
            continue
        begin, end = span
        assert (got.status_code, got.content) == (206, BUNDLE[begin:end]), asked
        assert got.headers["content-range"] == f"bytes {begin}-{end - 1}/{len(BUNDLE)}"
        other = await target.http.get(url, headers={"range": asked, "if-range": '"of another file"'})
        assert (other.status_code, other.content) == (200, BUNDLE)


async def test_artifact_has_its_md5sum_and_its_list(ddi):
    target = await ddi.target()
    await ddi.campaign(target)
    (artifact,) = (await target.follow("deploymentBase"))["deployment"]["chunks"][0]["artifacts"]
    links = artifact["_links"]
    assert (
        await target.http.get(links["md5sum"]["href"])
    ).text == f"{artifact['hashes']['md5']}  gateway.swu\n"
    listed = await target.http.get(links["download"]["href"].rsplit("/", 1)[0])
    assert listed.json() == [artifact]
    head = await target.http.head(links["download"]["href"])
    assert (head.headers["content-length"], head.content) == (str(len(BUNDLE)), b"")
    assert (await ddi.job(target))["status"] == "QUEUED"


async def test_release_of_many_files_is_the_release_itself(ddi):
    target = await ddi.target()
    path = bundle_file(
        ddi.cloud.folder, ddi.cloud.release_key, "3.0.0", {"a.bin": b"a" * 5000, "b.bin": b"b"}
    )
    await ddi.campaign(target, release=await ddi.publish(path))
    (artifact,) = (await target.follow("deploymentBase"))["deployment"]["chunks"][0]["artifacts"]
    assert artifact["filename"] == "gateway-os-3.0.0.frel"
    got = await target.http.get(artifact["_links"]["download"]["href"])
    assert got.content == path.read_bytes()
    assert artifact["hashes"]["sha256"] == hashlib.sha256(got.content).hexdigest()


async def test_download_from_the_store(ddi):
    """For a device that can do with another host, and another server's certificate."""
    target = await ddi.target(downloads="store")
    await ddi.campaign(target)
    (artifact,) = (await target.follow("deploymentBase"))["deployment"]["chunks"][0]["artifacts"]
    url = artifact["_links"]["download"]["href"]
    assert url.startswith(ddi.cloud.stores.urls["objects"])
    async with ddi.plain_http() as http:
        got = await http.get(url, headers={"range": "bytes=256-511"})
    assert (got.status_code, got.content) == (206, BUNDLE[256:512])


async def test_failure_ends_the_job_with_its_words(ddi):
    target = await ddi.target()
    campaign = await ddi.campaign(target)
    action = (await target.follow("deploymentBase"))["id"]
    assert (
        await target.say(action, "closed", "failure", details=["ERROR: no space", "", "code below"], code=28)
        == 200
    )
    job = await ddi.job(target)
    assert (job["status"], job["detail"]) == ("FAILED", "ERROR: no space; code below; code 28")
    await ddi.cloud.until_campaign(campaign, "HALTED")
    assert await target.say(action, "closed", "success") == 410
    assert not SHOWN & set(await target.poll())


async def test_giving_up_is_a_rejection(ddi):
    target = await ddi.target()
    await ddi.campaign(target)
    action = (await target.follow("deploymentBase"))["id"]
    assert await target.say(action, "canceled") == 200
    assert (await ddi.job(target))["status"] == "REJECTED"


async def test_aborted_campaign_is_cancelled_where_it_has_begun(ddi):
    began, waits = await ddi.target(), await ddi.target()
    campaign = await ddi.campaign(began, waits)
    action = (await began.follow("deploymentBase"))["id"]
    assert await began.say(action, "proceeding") == 200
    await ddi.cloud.change(campaign, "abort")
    assert not SHOWN & set(await waits.poll())
    assert SHOWN & set(await began.poll()) == {"cancelAction"}
    assert (await began.http.get(f"deploymentBase/{action}")).status_code == 404
    assert await began.follow("cancelAction") == {"id": action, "cancelAction": {"stopId": action}}
    feedback = {"status": {"execution": "closed", "result": {"finished": "success"}, "details": ["stopped"]}}
    assert (await began.http.post(f"cancelAction/{action}/feedback", json=feedback)).status_code == 200
    job = await ddi.job(began)
    assert (job["status"], job["detail"]) == ("CANCELED", "stopped")
    assert (await began.http.post(f"cancelAction/{action}/feedback", json=feedback)).status_code == 410
    assert not SHOWN & set(await began.poll())


async def test_cancellation_that_comes_too_late_loses_no_success(ddi):
    target = await ddi.target()
    campaign = await ddi.campaign(target)
    action = (await target.follow("deploymentBase"))["id"]
    await target.say(action, "proceeding")
    await ddi.cloud.change(campaign, "abort")
    refused = {"status": {"execution": "rejected", "result": {"finished": "failure"}}}
    assert (await target.http.post(f"cancelAction/{action}/feedback", json=refused)).status_code == 200
    assert (await ddi.job(target))["status"] == "IN_PROGRESS"
    assert await target.say(action, "closed", "success") == 200
    assert (await ddi.job(target))["status"] == "SUCCEEDED"


async def test_paused_campaign_hands_out_nothing_new(ddi):
    target = await ddi.target()
    campaign = await ddi.campaign(target)
    await ddi.cloud.change(campaign, "pause")
    assert not SHOWN & set(await target.poll())
    await ddi.cloud.change(campaign, "resume")
    assert SHOWN & set(await target.poll()) == {"deploymentBase"}


async def test_outside_its_window_or_after_its_deadline_it_waits(ddi):
    target = await ddi.target()
    campaign = await ddi.campaign(target, deadline_s=3600)
    job = await ddi.job(target)
    assert job["notified_at"] is None
    await target.poll()
    assert (await ddi.job(target))["notified_at"]
    window = (
        "UPDATE campaign_groups SET window_from = %s, window_to = %s WHERE campaign_id = %s RETURNING number"
    )
    now = ddi.cloud.clock()
    for hours, offered in ((1, False), (-1, True)):
        start = (now + timedelta(hours=hours)).time()
        await ddi.cloud.rows(window, start, (now + timedelta(hours=hours + 2)).time(), campaign)
        assert ("deploymentBase" in await target.poll()) is offered
    ddi.cloud.clock.ahead = timedelta(hours=1, seconds=1)
    assert not SHOWN & set(await target.poll())


async def test_way_back_is_refused_for_ddi_has_no_word_for_it(ddi):
    target = await ddi.target()
    campaign = await ddi.campaign(target, rollback=True)
    action = (await target.follow("deploymentBase"))["id"]
    assert await target.say(action, "closed", "success") == 200
    await ddi.cloud.until_campaign(campaign, "SUCCEEDED")
    await ddi.cloud.rows(
        "INSERT INTO jobs (campaign_id, group_number, device_id, kind, created_at, action)"
        " SELECT campaign_id, group_number, device_id, kind, now(), 'back' FROM jobs WHERE id = %s RETURNING id",
        action,
    )
    await ddi.cloud.rows("UPDATE campaigns SET status = 'HALTED' WHERE id = %s RETURNING id", campaign)
    assert SHOWN & set(await target.poll()) == {"installedBase"}
    job = await ddi.job(target)
    assert (job["status"], job["detail"]) == (
        "REJECTED",
        "DDI has no word for going back to the version before",
    )


async def test_why_it_does_not_update_has_an_answer(ddi):
    target = await ddi.target(confirm=True)
    await target.poll()
    campaign = await ddi.campaign(target)
    action = (await target.follow("confirmationBase"))["id"]
    no = {"confirmation": "denied", "details": ["not on a Friday"]}
    assert (await target.http.post(f"confirmationBase/{action}/feedback", json=no)).status_code == 200
    polls, put_off, *_ = (await ddi.cloud.ota.get(f"/v1/why/{target.id}")).json()["answer"]
    assert polls.startswith("it polls (DDI), the last time at 2")
    assert put_off.startswith(
        f"job {action} of campaign {campaign} (gateway-os 2.0.0) is put off by the device: "
    )
    assert put_off.endswith(": not confirmed: not on a Friday")


async def test_silence_after_taking_it_is_a_failure(ddi):
    target = await ddi.target()
    campaign = await ddi.campaign(target, step_timeout_s=600)
    action = (await target.follow("deploymentBase"))["id"]
    await target.say(action, "proceeding")
    ddi.cloud.clock.ahead = timedelta(seconds=601)
    await target.poll()  # to poll is not to get on with it
    await ddi.cloud.until_campaign(campaign, "HALTED")
    assert (await ddi.job(target))["status"] == "TIMED_OUT"
    assert await target.say(action, "proceeding") == 410
