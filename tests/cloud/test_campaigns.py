"""Campaigns over real MQTT with mutual TLS: they go on, halt, wait and end as they should."""

import asyncio


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
