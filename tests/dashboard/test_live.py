"""Changes reach who watches, across Redis, without being asked for."""

import pytest
from websockets.exceptions import ConnectionClosedError

from tests.dashboard.watcher import watching

DEVICE = "subscription ($ids: [ID!]!) { deviceChanged(ids: $ids) { id online state group labels { value } } }"
CAMPAIGN = "subscription ($id: ID!) { campaignChanged(id: $id) { status jobsCounted { succeeded } } }"
FLEET = "subscription { fleetChanged { total online } }"


async def until(watcher, right):
    while not right(got := await watcher.next()):
        pass
    return got


async def test_a_device(lab):
    (device,) = await lab.devices(1)
    async with lab.served() as url, watching(url, lab.tokens["viewer"]) as watcher:
        await watcher.subscribe(DEVICE, ids=[device.id])
        assert (await watcher.next())["id"] == device.id  # as it is now, at once
        await lab.registration.post("/v1/marks", json={"ids": [device.id], "group": "north"})
        await until(watcher, lambda got: got["group"] == "north")


async def test_a_campaign_to_its_end(lab):
    (device,) = await lab.devices(1)
    campaign = await lab.campaign(await lab.release(), [device], groups=[{"name": "all", "share": 1.0}])
    async with lab.served() as url, watching(url, lab.tokens["viewer"]) as watcher:
        await watcher.subscribe(CAMPAIGN, id=str(campaign))
        assert (await watcher.next())["status"] == "RUNNING"
        job = await device.job()
        await device.report(job, "SUCCEEDED", "confirmed")
        got = await until(watcher, lambda got: got["status"] == "SUCCEEDED")
        assert got["jobsCounted"]["succeeded"] == 1


async def test_the_fleet(lab):
    async with lab.served() as url, watching(url, lab.tokens["viewer"]) as watcher:
        await watcher.subscribe(FLEET)
        assert await watcher.next() == {"total": 0, "online": 0}
        await lab.device()
        await until(watcher, lambda got: got == {"total": 1, "online": 1})


async def test_nobody_watches_without_a_token(lab):
    async with lab.served() as url:
        with pytest.raises(ConnectionClosedError) as closed:
            async with watching(url, "x" * 40):
                pass
    assert closed.value.rcvd.code == 4403
