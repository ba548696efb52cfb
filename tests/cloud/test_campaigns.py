"""Campaigns over real MQTT with mutual TLS: they go on, halt, wait and end as they should."""

import asyncio
from datetime import timedelta

import pytest

from cloud.db import CHANGE
from cloud.ota.campaigns import Group, ends_of
from tests.cloud.fleet import WAIT_S, Device


async def test_canary_first_then_the_rest(cloud):
    devices = await cloud.devices(3)
    campaign = await cloud.campaign(await cloud.release(), devices)
    jobs = await asyncio.gather(*(device.update() for device in devices))
    read = await cloud.until_campaign(campaign, "SUCCEEDED")
    assert [group["jobs"] for group in read["groups"]] == [{"SUCCEEDED": 1}, {"SUCCEEDED": 2}]
    assert [group["status"] for group in read["groups"]] == ["SUCCEEDED", "SUCCEEDED"]
    assert {job["release"] for job in jobs} == {"fieldrec 1.1.0"}
    assert len({job["job"] for job in jobs}) == 3


async def test_failing_canary_halts_before_the_rest_is_told(cloud):
    devices = await cloud.devices(3)
    campaign = await cloud.campaign(await cloud.release(), devices)
    updates = [asyncio.create_task(device.update("FAILED", "self-test: no gauge")) for device in devices]
    read = await cloud.until_campaign(campaign, "HALTED")
    assert read["reason"] == "group canary: 1 of 1 jobs failed, 10 % halt"
    assert [(job["group"], job["detail"]) for job in read["jobs"]] == [("canary", "self-test: no gauge")]
    assert [group["status"] for group in read["groups"]] == ["HALTED", "HALTED"]
    for update in updates:
        update.cancel()
    assert sum(not device.told.empty() for device in devices) == 0


async def test_thresholds_let_a_group_go_on_with_a_failure(cloud):
    devices = await cloud.devices(4)
    groups = [{"name": "all", "share": 1.0}]
    more = {"groups": groups, "error_threshold": 0.5, "success_threshold": 0.75}
    campaign = await cloud.campaign(await cloud.release(), devices, **more)
    words = ["SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "REJECTED"]
    await asyncio.gather(*(device.update(word) for device, word in zip(devices, words, strict=True)))
    read = await cloud.until_campaign(campaign, "SUCCEEDED")
    assert read["groups"][0]["jobs"] == {"SUCCEEDED": 3, "REJECTED": 1}


async def test_group_that_ends_short_of_its_threshold_halts(cloud):
    devices = await cloud.devices(3)
    groups = [{"name": "most", "count": 2}, {"name": "rest", "share": 1.0}]
    campaign = await cloud.campaign(await cloud.release(), devices, groups=groups, error_threshold=1.0)
    first, second = [each for each in devices if await is_told(cloud, each, 2)]
    await asyncio.gather(first.update(), second.update("FAILED"))
    read = await cloud.until_campaign(campaign, "HALTED")
    assert read["reason"] == "group most ended with 1 of 2 jobs succeeded, 100 % are needed"
    assert len(read["jobs"]) == 2


async def test_failures_of_a_later_group_halt_too(cloud):
    devices = await cloud.devices(4)
    groups = [{"name": "canary", "count": 1}, {"name": "some", "count": 2}, {"name": "rest", "share": 1.0}]
    campaign = await cloud.campaign(await cloud.release(), devices, groups=groups)
    canary = await told_first(devices)
    await canary.update()
    await (await told_first([each for each in devices if each is not canary])).update("FAILED")
    read = await cloud.until_campaign(campaign, "HALTED")
    assert read["reason"] == "group some: 1 of 2 jobs failed, 10 % halt"
    assert [group["status"] for group in read["groups"]] == ["SUCCEEDED", "HALTED", "HALTED"]
    assert read["groups"][1]["jobs"] == {"FAILED": 1, "CANCELED": 1}


async def told_first(devices):
    """Of `devices`, the one that is told of a job first; what it was told stays to be read."""
    waiting = {asyncio.create_task(device.told.get()): device for device in devices}
    done, _ = await asyncio.wait(waiting, timeout=WAIT_S, return_when=asyncio.FIRST_COMPLETED)
    for task, device in waiting.items():
        task.cancel() if task not in done else device.told.put_nowait(task.result())
    return waiting[done.pop()]


async def is_told(cloud, device, jobs: int) -> bool:
    """Whether it is one of those that have jobs by now, when there are so many."""
    rows = await cloud.until(lambda rows: len(rows) == jobs, "SELECT device_id FROM jobs")
    return device.id in [row["device_id"] for row in rows]


async def test_silence_of_a_device_that_took_its_job_is_a_failure(cloud):
    devices = await cloud.devices(2)
    campaign = await cloud.campaign(await cloud.release(), devices, step_timeout_s=600)
    (canary,) = [each for each in devices if await is_told(cloud, each, 1)]
    await canary.report(await canary.job(), "IN_PROGRESS", "downloading")
    await cloud.until(lambda rows: rows, "SELECT FROM jobs WHERE status = 'IN_PROGRESS'")
    cloud.clock.ahead = timedelta(seconds=590)
    await canary.report({"job": (await cloud.read(campaign))["jobs"][0]["job"]}, "IN_PROGRESS", "installed")
    await cloud.until(lambda rows: rows, "SELECT FROM jobs WHERE step = 'installed'")
    cloud.clock.ahead = timedelta(seconds=1180)  # 1180 s after the first word, 590 s after the last
    assert (await cloud.after_a_tick(campaign))["status"] == "RUNNING"
    cloud.clock.ahead = timedelta(seconds=1200)
    read = await cloud.until_campaign(campaign, "HALTED")
    assert [(job["status"], job["detail"]) for job in read["jobs"]] == [
        ("TIMED_OUT", "silent for 600 s in step installed")
    ]


async def test_device_that_never_came_is_no_failure(cloud):
    device = await cloud.device()
    await cloud.until(lambda rows: rows, "SELECT FROM presence WHERE online")
    away = Device("dev-away", cloud)
    await away.enrol()
    groups = [{"name": "all", "share": 1.0}]
    campaign = await cloud.campaign(await cloud.release(), [device, away], groups=groups, deadline_s=86400)
    await device.update()
    await cloud.until(lambda rows: rows, "SELECT FROM jobs WHERE status = 'SUCCEEDED'")
    cloud.clock.ahead = timedelta(hours=23)
    assert (await cloud.after_a_tick(campaign))["groups"][0]["jobs"] == {"SUCCEEDED": 1, "QUEUED": 1}
    cloud.clock.ahead = timedelta(hours=25)
    read = await cloud.until_campaign(campaign, "SUCCEEDED")
    assert read["groups"][0]["jobs"] == {"SUCCEEDED": 1, "REMOVED": 1}


async def test_device_that_comes_later_asks_and_gets_its_job(cloud):
    device = Device("dev-late", cloud)
    await device.enrol()
    campaign = await cloud.campaign(await cloud.release(), [device])
    await cloud.until(lambda rows: rows, "SELECT FROM jobs")
    async with device.online():
        await device.say("jobs/get")
        await device.update()
        await cloud.until_campaign(campaign, "SUCCEEDED")


async def test_asking_again_mints_another_url(cloud):
    (device,) = await cloud.devices(1)
    await cloud.campaign(await cloud.release(), [device])
    first = await device.job()
    await device.report(first, "IN_PROGRESS", "downloading")
    cloud.clock.ahead = timedelta(hours=1)
    await device.say("jobs/get")
    second = await device.job()
    assert (second["job"], second["digest"]) == (first["job"], first["digest"])
    assert second["url_expires"] > first["url_expires"]


async def test_asking_without_a_job_is_answered(cloud):
    device = await cloud.device()
    await device.say("jobs/get")
    assert await asyncio.wait_for(device.told.get(), WAIT_S) == {"v": 1, "job": None}


async def test_abort_takes_back_what_nobody_took(cloud):
    devices = await cloud.devices(3)
    groups = [{"name": "all", "share": 1.0}]
    campaign = await cloud.campaign(await cloud.release(), devices, groups=groups)
    await devices[0].report(job := await devices[0].job(), "IN_PROGRESS", "downloading")
    await cloud.until(lambda rows: rows, "SELECT FROM jobs WHERE status = 'IN_PROGRESS'")
    answer = await cloud.change(campaign, "abort", why="wrong release")
    assert answer == {"id": campaign, "status": "ABORTED"}
    assert (await cloud.read(campaign))["groups"][0]["jobs"] == {"IN_PROGRESS": 1, "CANCELED": 2}
    await devices[0].say("jobs/get")
    await until_nothing_is_told(devices[0])  # no new URL for a campaign that has ended
    await devices[0].report(job, "SUCCEEDED", "confirmed")  # but its word still counts
    await cloud.until(lambda rows: rows, "SELECT FROM jobs WHERE status = 'SUCCEEDED'")
    (audit,) = await cloud.rows("SELECT * FROM audit WHERE what = 'campaign.ABORTED'")
    assert (audit["who"], audit["why"].split(CHANGE)[0]) == ("admin", "wrong release")
    assert (await cloud.ota.post(f"/v1/campaigns/{campaign}/resume")).status_code == 409


async def until_nothing_is_told(device) -> None:
    async with asyncio.timeout(WAIT_S):
        while (await device.told.get())["job"] is not None:
            continue


async def test_paused_campaign_tells_nobody_until_it_is_resumed(cloud):
    devices = await cloud.devices(2)
    campaign = await cloud.campaign(await cloud.release(), devices)
    (canary,) = [each for each in devices if await is_told(cloud, each, 1)]
    job = await canary.job()
    await cloud.change(campaign, "pause")
    await canary.say("jobs/get")
    await until_nothing_is_told(canary)
    await cloud.change(campaign, "resume")
    assert (await canary.job())["job"] == job["job"]  # told again, though it had been told before
    await canary.report(job, "IN_PROGRESS", "downloading")
    await cloud.until(lambda rows: rows, "SELECT FROM jobs WHERE status = 'IN_PROGRESS'")
    await cloud.change(campaign, "pause")
    await canary.report(job, "SUCCEEDED", "confirmed")
    await cloud.until(lambda rows: rows, "SELECT FROM jobs WHERE status = 'SUCCEEDED'")
    assert [group["status"] for group in (await cloud.after_a_tick(campaign))["groups"]] == [
        "RUNNING",
        "WAITING",
    ]
    (other,) = [each for each in devices if each is not canary]
    await other.say("jobs/get")
    assert (await asyncio.wait_for(other.told.get(), WAIT_S))["job"] is None
    await cloud.change(campaign, "resume")
    await other.update()
    await cloud.until_campaign(campaign, "SUCCEEDED")


async def test_one_active_job_for_each_device(cloud):
    (device,) = await cloud.devices(1)
    first = await cloud.campaign(await cloud.release("1.1.0"), [device])
    job = await device.job()
    second = await cloud.campaign(await cloud.release("1.2.0"), [device])
    assert (await cloud.after_a_tick(second))["jobs"] == []
    await device.report(job, "SUCCEEDED", "confirmed")
    assert (await device.update())["version"] == "1.2.0"
    for campaign in (first, second):
        await cloud.until_campaign(campaign, "SUCCEEDED")


async def test_ended_or_foreign_jobs_do_not_move(cloud):
    device, other = await cloud.devices(2)
    campaign = await cloud.campaign(await cloud.release(), [device])
    job = await device.update()
    await cloud.until_campaign(campaign, "SUCCEEDED")
    await device.report(job, "FAILED", "reverted")
    await until_nothing_is_told(device)  # the answer to a word that came too late
    await other.report(job, "FAILED", "reverted")
    await until_nothing_is_told(other)
    assert [each["status"] for each in (await cloud.read(campaign))["jobs"]] == ["SUCCEEDED"]


async def test_bad_updates_are_dropped(cloud):
    (device,) = await cloud.devices(1)
    await cloud.campaign(await cloud.release(), [device])
    job = await device.job()
    for fields in (
        {"status": "QUEUED"},
        {"status": "IN_PROGRESS", "step": "dancing"},
        {"status": "IN_PROGRESS", "progress_pct": 101},
        {"status": "FAILED", "detail": "\0"},
    ):
        await device.say(f"jobs/{job['job']}/update", **fields)
    await device.say("jobs/nonsense/update", status="FAILED")
    await device.say(f"jobs/{2**63}/update", status="FAILED")
    await device.say_raw(f"jobs/{job['job']}/update", b"\xff")
    await device.report(job, "IN_PROGRESS", "downloading")
    await cloud.until(lambda rows: rows, "SELECT FROM jobs WHERE step = 'downloading'")
    assert (await cloud.ota.get("/health")).json()["dropped"] == 7


async def test_filter_and_choice(cloud):
    devices = [await cloud.device(1, "0.9.0"), await cloud.device(2, "1.0.0"), await cloud.device(3, "1.1.0")]
    digest = await cloud.release("1.1.0")
    old = await cloud.campaign(
        digest, devices, filter={"version": "0.9.0"}, groups=[{"name": "a", "share": 1}]
    )
    await cloud.until(lambda rows: rows, "SELECT FROM jobs")
    members = await cloud.rows("SELECT device_id FROM jobs WHERE campaign_id = %s", old)
    assert [row["device_id"] for row in members] == [devices[0].id]
    every = await cloud.campaign(digest, devices)  # not the one that runs 1.1.0 already
    assert [group["size"] for group in (await cloud.read(every))["groups"]] == [1, 1]


@pytest.mark.parametrize(
    "change, status",
    [
        ({"filter": {"board": "esp32s3"}}, 422),
        ({"filter": {"boards": ["virtual"]}}, 422),
        ({"release": "0" * 64}, 404),
        ({"groups": []}, 422),
        ({"groups": [{"name": "a"}]}, 422),
        ({"groups": [{"name": "a", "count": 1, "share": 0.5}]}, 422),
        ({"error_threshold": 1.1}, 422),
        ({"step_timeout_s": 0}, 422),
    ],
)
async def test_nonsense_makes_no_campaign(cloud, change, status):
    device = await cloud.device()
    asked = {"release": await cloud.release(), "groups": [{"name": "all", "share": 1}], **change}
    answer = await cloud.ota.post("/v1/campaigns", json=asked)
    assert answer.status_code == status and answer.json()["error"], device.id
    assert await cloud.rows("SELECT FROM campaigns") == []


@pytest.mark.parametrize(
    "groups, total, ends",
    [
        ([{"count": 1}, {"share": 1.0}], 3, [1, 3]),
        ([{"count": 5}, {"share": 1.0}], 3, [3, 3]),
        ([{"share": 0.1}, {"share": 0.5}, {"share": 1.0}], 100, [10, 55, 100]),
        ([{"share": 0.01}], 5, [1]),
        ([{"share": 0.07}], 100, [7]),
    ],
)
def test_groups_share_what_is_left(groups, total, ends):
    assert ends_of([Group(name="g", **group) for group in groups], total) == ends
