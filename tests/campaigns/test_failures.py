"""Devices that fail, put off, fall silent: what counts, what is tried again, and the way back after a halt."""

from cloud.ota.ticks import JUDGEMENT, SUCCESS


async def halted(lab, **more) -> int:
    """Two of four were updated, one failed, one has not begun."""
    await lab.devices(4)
    campaign = await lab.campaign(await lab.release(), error_threshold=0.25, **more)
    await lab.tick()
    await lab.end(campaign, "SUCCEEDED", "SUCCEEDED", "FAILED")
    await lab.tick()
    assert (await lab.read(campaign))["status"] == "HALTED"
    return campaign


async def test_a_halt_brings_updated_devices_back(lab):
    campaign = await halted(lab, rollback=True)
    back = await lab.active(campaign)
    assert len(back) == 2
    told = await lab.handed_out(*back)
    for device, job in back.items():
        about = {"action": "back", "version": "1.0.0", "release": "fieldrec 1.0.0", "digest": "", "url": ""}
        assert about.items() <= told[device].items() and told[device]["job"] == str(job)
    first, second = back
    await lab.say(first, back[first], "SUCCEEDED", "confirmed")
    await lab.say(second, back[second], "REJECTED", detail="slot a holds 0.9.0, not 1.0.0")
    await lab.tick(2)
    read = await lab.read(campaign)
    assert read["groups"][0]["back"] == {"SUCCEEDED": 1, "REJECTED": 1}
    assert read["groups"][0]["jobs"] == {"SUCCEEDED": 2, "FAILED": 1, "CANCELED": 1}
    assert read["reason"] == "group all: 1 of 4 jobs failed, 25 % halt"
    assert await lab.active(campaign) == {}


async def test_without_rollback_they_stay(lab):
    campaign = await halted(lab)
    assert await lab.active(campaign) == {}


async def test_who_is_updated_after_the_halt_comes_back_too(lab):
    await lab.devices(2)
    campaign = await lab.campaign(await lab.release(), rollback=True)
    await lab.tick()
    first, second = (await lab.active(campaign)).items()
    await lab.say(*first, "IN_PROGRESS", "downloading")
    await lab.say(*second, "FAILED", "reverted")
    await lab.tick()
    await lab.say(*first, "SUCCEEDED", "confirmed")
    await lab.tick()
    assert list(await lab.active(campaign)) == [first[0]]


async def test_failed_jobs_are_tried_again_under_another_number(lab):
    await lab.devices(1)
    campaign = await lab.campaign(await lab.release(), retries=1)
    await lab.tick()
    ((device, first),) = (await lab.active(campaign)).items()
    await lab.say(device, first, "FAILED", "reverted", detail="power")
    await lab.tick()
    ((_, second),) = (await lab.active(campaign)).items()
    assert second != first and (await lab.read(campaign))["jobs"][0]["attempt"] == 2
    await lab.say(device, first, "FAILED", "reverted")  # its word on the first one, again
    await lab.say(device, second, "FAILED", "reverted", detail="power again")
    await lab.tick()
    assert (await lab.read(campaign))["status"] == "HALTED"
    assert await lab.rows("SELECT failures, why FROM failures") == [{"failures": 2, "why": "power again"}]
    (retried,) = await lab.rows("SELECT subject, why FROM audit WHERE what = 'job.RETRIED'")
    assert retried == {"subject": f"job:{first}", "why": f"FAILED; attempt 2 is job {second}"}


async def test_many_that_fail_at_once_are_tried_again_before_they_are_judged(lab):
    """Also when they fail while a tick is at work: after its retries, and before its judgement."""
    await lab.devices(3)
    campaign = await lab.campaign(await lab.release(), retries=1, success_threshold=0, error_threshold=0.5)
    await lab.tick()
    first = await lab.active(campaign)
    for device, job in first.items():
        await lab.say(device, job, "FAILED", "reverted")
    params = {"ids": [campaign], "now": lab.clock(), "who": "test", "limit": 100}
    async with lab.pool.connection() as connection:
        for statement in (*JUDGEMENT, *SUCCESS):
            await connection.execute(statement, params)
    assert (await lab.read(campaign))["status"] == "RUNNING"
    await lab.tick()
    assert await lab.counts(campaign) == [{"QUEUED": 3}]
    retried = await lab.rows("SELECT subject FROM audit WHERE what = 'job.RETRIED'")
    assert {row["subject"] for row in retried} == {f"job:{job}" for job in first.values()}


async def test_a_person_has_them_tried_again(lab):
    await lab.devices(4)
    campaign = await lab.campaign(await lab.release(), error_threshold=1)
    await lab.tick()
    await lab.end(campaign, "FAILED", "REJECTED", "SUCCEEDED")
    assert (await lab.post(f"/v1/campaigns/{campaign}/retry"))["jobs"] == 1  # who refused, refuses
    assert await lab.counts(campaign) == [{"QUEUED": 2, "REJECTED": 1, "SUCCEEDED": 1}]
    await lab.post(f"/v1/campaigns/{campaign}/abort")
    await lab.post(f"/v1/campaigns/{campaign}/retry", status=409)


async def test_three_failures_of_one_release_park_a_device(lab):
    bad, *_ = ids = await lab.devices(3)
    release = await lab.release()
    for _ in range(3):
        campaign = await lab.campaign(release, filter={"ids": [bad]})
        await lab.tick()
        await lab.end(campaign, "FAILED")
        await lab.tick()
    ((parked),) = (await lab.get("/v1/parked"))["parked"]
    assert (parked["device"], parked["failures"], parked["why"]) == (bad, 3, "x")
    campaign = await lab.campaign(release)
    await lab.tick(2)
    assert set(await lab.active(campaign)) == set(ids) - {bad}
    answer = (await lab.get(f"/v1/why/{bad}"))["answer"]
    assert f"campaign {campaign}: it is parked: it failed this release 3 times, the last time: x" in answer
    asked = {"release": release, "groups": [{"name": "all", "share": 1}], "filter": {"ids": [bad]}}
    assert "parked" in (await lab.post("/v1/campaigns", asked, 422))["error"]
    assert (await lab.api.delete(f"/v1/parked/{bad}/{release}")).status_code == 200
    assert (await lab.api.delete(f"/v1/parked/{bad}/{release}")).status_code == 404
    await lab.post("/v1/campaigns", asked, 201)


async def test_deferring_is_no_failure_and_no_silence(lab):
    begun, not_begun = await lab.devices(2)
    campaign = await lab.campaign(await lab.release(), step_timeout_s=60, deferral_timeout_s=3600)
    await lab.tick()
    jobs = await lab.active(campaign)
    await lab.say(not_begun, jobs[not_begun], "QUEUED", deferred="battery 3650 mV")
    await lab.say(begun, jobs[begun], "IN_PROGRESS", "downloading")
    await lab.say(begun, jobs[begun], "IN_PROGRESS", "downloading", deferred="state RECORD")
    lab.later(minutes=50)
    await lab.tick()
    group = (await lab.read(campaign))["groups"][0]
    assert (group["jobs"], group["deferred"]) == ({"QUEUED": 1, "IN_PROGRESS": 1}, 2)
    about = f"job {jobs[begun]} of campaign {campaign} (fieldrec 1.1.0)"
    assert (await lab.get(f"/v1/why/{begun}"))["answer"] == [
        f"{about} is put off by the device: state RECORD"
    ]
    lab.later(minutes=20)  # and that is too long for one that had begun
    await lab.tick()
    assert (await lab.read(campaign))["status"] == "HALTED"
    (gone,) = await lab.rows("SELECT detail FROM jobs WHERE status = 'TIMED_OUT'")
    assert gone["detail"] == "deferred (state RECORD), then silent for 3600 s"


async def test_a_deferral_ends_when_the_device_goes_on(lab):
    (device,) = await lab.devices(1)
    campaign = await lab.campaign(await lab.release(), step_timeout_s=60)
    await lab.tick()
    job = (await lab.active(campaign))[device]
    await lab.say(device, job, "QUEUED", deferred="heat")
    await lab.say(device, job, "IN_PROGRESS", "downloading")
    await lab.say(device, job, "QUEUED", deferred="heat")  # as late as it may come: it has begun
    assert [each["status"] for each in (await lab.read(campaign))["jobs"]] == ["IN_PROGRESS"]
    await lab.say(device, job, "IN_PROGRESS", "downloading")
    assert (await lab.read(campaign))["groups"][0]["deferred"] == 0
    lab.later(seconds=61)
    await lab.tick()
    assert await lab.counts(campaign) == [{"TIMED_OUT": 1}]


async def test_never_there_and_fallen_silent_are_shown_apart(lab):
    (silent,) = await lab.devices(1)
    await lab.devices(1, online=False)
    campaign = await lab.campaign(await lab.release(), error_threshold=1, success_threshold=0)
    await lab.tick()
    await lab.say(silent, (await lab.active(campaign))[silent], "IN_PROGRESS", "downloading")
    lab.later(days=1)
    await lab.tick()
    group = (await lab.read(campaign))["groups"][0]
    assert (group["jobs"], group["not_reached"]) == ({"TIMED_OUT": 1, "QUEUED": 1}, 1)


async def test_a_batch_keeps_the_order_of_what_is_said_of_a_job(lab):
    (device,) = await lab.devices(1)
    campaign = await lab.campaign(await lab.release())
    await lab.tick()
    job = (await lab.active(campaign))[device]
    messages = [lab.message(device, job, "IN_PROGRESS", step) for step in ("downloading", "installed")]
    messages += [lab.message(device, job, "SUCCEEDED", "confirmed"), lab.message(device, job, "FAILED")]
    await lab.app.state.jobs.handle(messages)
    assert [(each["status"], each["step"]) for each in (await lab.read(campaign))["jobs"]] == [
        ("SUCCEEDED", "confirmed")
    ]


async def test_only_a_stopped_campaign_lets_a_device_cancel(lab):
    (device,) = await lab.devices(1)
    campaign = await lab.campaign(await lab.release())
    await lab.tick()
    job = (await lab.active(campaign))[device]
    await lab.say(device, job, "IN_PROGRESS", "downloading")
    await lab.say(device, job, "CANCELED")
    assert await lab.counts(campaign) == [{"IN_PROGRESS": 1}]
    await lab.post(f"/v1/campaigns/{campaign}/abort")
    await lab.say(device, job, "CANCELED")
    assert await lab.counts(campaign) == [{"CANCELED": 1}]


async def test_jobs_of_decommissioned_devices_go(lab):
    first, second = await lab.devices(2)
    campaign = await lab.campaign(await lab.release())
    await lab.tick()
    await lab.run("UPDATE devices SET decommissioned_at = now() WHERE id = %s", first)
    await lab.tick()
    assert list(await lab.active(campaign)) == [second]
