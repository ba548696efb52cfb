"""Configuration in etcd reaches a running service; without etcd, and against nonsense, the last one goes on."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta

import httpx
import pytest

from cloud import liveconfig
from cloud.liveconfig import ConfigError, LiveConfig
from cloud.tasks import background

WITHIN_S = 10.0


@pytest.fixture
def etcd(cloud_stores) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=cloud_stores.settings.etcd_url, trust_env=False) as client:
        yield client
        for name in liveconfig.read_now(client):
            liveconfig.unset(client, name)


class Followed(LiveConfig):
    def __init__(self, settings) -> None:
        self.news = asyncio.Event()
        super().__init__(settings, lambda config: self.news.set())

    async def until(self, name: str, value: int) -> None:
        async with asyncio.timeout(WITHIN_S):
            while self[name] != value:
                self.news.clear()
                await self.news.wait()


@pytest.fixture
async def config(cloud_stores, etcd) -> AsyncIterator[Followed]:
    followed = Followed(cloud_stores.settings)
    async with background(followed.run(), "configuration"):
        await asyncio.wait_for(followed.known.wait(), WITHIN_S)
        yield followed


async def test_change_is_followed_and_undone(config, etcd):
    assert config["url_life_s"] == 3600
    liveconfig.put(etcd, "url_life_s", "120")
    await config.until("url_life_s", 120)
    liveconfig.unset(etcd, "url_life_s")
    await config.until("url_life_s", 3600)


async def test_what_was_set_before_is_read_at_the_start(cloud_stores, etcd):
    liveconfig.put(etcd, "heartbeat_days", "7")
    followed = Followed(cloud_stores.settings)
    async with background(followed.run(), "configuration"):
        await followed.until("heartbeat_days", 7)


@pytest.mark.parametrize(
    "text", ["", "none", "0", "-5", "59", "1e9", "99999999999", "\uff11\uff12\uff10", "120.0"]
)
async def test_what_can_not_be_is_not_taken(config, etcd, text):
    liveconfig.put(etcd, "url_life_s", "300")
    await config.until("url_life_s", 300)
    asked = {"key": liveconfig._b64(liveconfig.PREFIX + "url_life_s"), "value": liveconfig._b64(text)}
    etcd.post("/v3/kv/put", json=asked).raise_for_status()
    liveconfig.put(etcd, "heartbeat_days", "9")
    await config.until("heartbeat_days", 9)
    assert config["url_life_s"] == 300


def test_wrong_names_and_values_are_refused_with_words(etcd):
    with pytest.raises(
        ConfigError, match="there is no setting 'colour'; there are heartbeat_days, url_life_s"
    ):
        liveconfig.put(etcd, "colour", "1")
    with pytest.raises(ConfigError, match="url_life_s '5': give a whole number from 60 to 604800"):
        liveconfig.put(etcd, "url_life_s", "5")


async def test_without_etcd_the_last_known_goes_on_and_news_come_after(cloud_stores, config, etcd):
    (server,) = [each for each in cloud_stores.servers if each.name == "etcd"]
    liveconfig.put(etcd, "enrols_per_minute", "17")
    await config.until("enrols_per_minute", 17)
    await asyncio.to_thread(server.stop)
    try:
        await asyncio.sleep(0.5)  # for as long as nothing answers
        assert config["enrols_per_minute"] == 17
    finally:
        await asyncio.to_thread(server.start)
    liveconfig.put(etcd, "enrols_per_minute", "18")
    await config.until("enrols_per_minute", 18)


async def test_life_of_urls_is_followed_by_the_next_job(cloud, etcd):
    (device,) = await cloud.devices(1)
    liveconfig.put(etcd, "url_life_s", "120")
    async with asyncio.timeout(WITHIN_S):
        while cloud.ota_app.state.live["url_life_s"] != 120:
            await asyncio.sleep(0.02)
    await cloud.campaign(await cloud.release(), [device])
    job = await device.job()
    left = datetime.fromisoformat(job["url_expires"]) - cloud.clock()
    assert timedelta(seconds=60) < left <= timedelta(seconds=120)
