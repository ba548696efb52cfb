"""The OTA service is killed at any moment: what a device's broker has taken is not lost."""

import asyncio

import httpx
import pytest

from cloud.embedded.python import Service
from tests.cloud.fleet import Cloud
from wire import topics

DEVICES = 6


@pytest.fixture
def service(registration: Cloud):
    service = registration.ota_service()
    service.start()
    yield service
    service.stop()


@pytest.fixture
async def killable(registration: Cloud, service: Service):
    """The cloud, whose OTA service may be killed."""
    headers = {"Authorization": f"Bearer {registration.stores.admin_token}"}
    verify = registration.tls()
    async with httpx.AsyncClient(base_url=service.url, verify=verify, headers=headers) as registration.ota:
        yield registration


async def kill(service: Service) -> None:
    assert service.process
    service.process.kill()
    await asyncio.to_thread(service.process.wait)


async def work(device, job: dict) -> None:
    """Every step, each said as soon as the broker has taken the one before."""
    for step in topics.STEPS[:4]:
        for _ in range(10):
            await device.report(job, "IN_PROGRESS", step)
    await device.report(job, "SUCCEEDED", "confirmed")


async def test_killed_in_the_middle_of_reports(killable, service):
    devices = await killable.devices(DEVICES)
    campaign = await killable.campaign(
        await killable.release(), devices, groups=[{"name": "all", "share": 1}]
    )
    jobs = await asyncio.gather(*(device.job() for device in devices))
    working = [asyncio.create_task(work(*each)) for each in zip(devices, jobs, strict=True)]
    await killable.until(lambda rows: rows, "SELECT FROM jobs WHERE status = 'IN_PROGRESS'")
    await kill(service)
    await asyncio.to_thread(service.start)
    await asyncio.gather(*working)
    read = await killable.until_campaign(campaign, "SUCCEEDED")
    assert read["groups"][0]["jobs"] == {"SUCCEEDED": DEVICES}


async def test_reports_while_it_is_dead_wait_at_the_broker(killable, service):
    devices = await killable.devices(2)
    campaign = await killable.campaign(
        await killable.release(), devices, groups=[{"name": "all", "share": 1}]
    )
    jobs = await asyncio.gather(*(device.job() for device in devices))
    await kill(service)
    await asyncio.gather(*(work(*each) for each in zip(devices, jobs, strict=True)))
    await asyncio.to_thread(service.start)
    await killable.until_campaign(campaign, "SUCCEEDED")


async def test_campaign_goes_on_after_a_kill_between_groups(killable, service):
    devices = await killable.devices(3)
    campaign = await killable.campaign(await killable.release(), devices)
    updates = [asyncio.create_task(device.update()) for device in devices]
    await killable.until(lambda rows: rows, "SELECT FROM jobs WHERE status = 'SUCCEEDED'")
    await kill(service)
    await asyncio.to_thread(service.start)
    await asyncio.gather(*updates)
    read = await killable.until_campaign(campaign, "SUCCEEDED")
    assert [group["jobs"] for group in read["groups"]] == [{"SUCCEEDED": 1}, {"SUCCEEDED": 2}]
