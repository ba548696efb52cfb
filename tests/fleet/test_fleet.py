"""Simulated devices against the real services: what each kind comes to, and that nothing is theirs but their own."""

import asyncio
import json
import ssl
from collections import Counter
from random import Random

import httpx
import psycopg
import pytest

from cloud.processes import Cloud
from tests.cloud.fleet import release_file
from tools.fleet import lies
from tools.fleet.fleet import Fleet, TooMany, allow_files
from tools.fleet.link import LinkLost, connect
from wire import topics

WITHIN_S = 30


async def rows(cloud: Cloud, statement: str, *params: object) -> list:
    async with await psycopg.AsyncConnection.connect(cloud.settings.postgres_url) as connection:
        return await (await connection.execute(statement, params)).fetchall()


async def until(cloud: Cloud, statement: str, *params: object) -> list:
    async with asyncio.timeout(WITHIN_S):
        while not (found := await rows(cloud, statement, *params)):
            await asyncio.sleep(0.05)
    return found


def client(cloud: Cloud, service: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {cloud.admin_token}"}
    trusted = ssl.create_default_context(cafile=cloud.ca)
    return httpx.AsyncClient(base_url=cloud.urls[service], verify=trusted, headers=headers, trust_env=False)


async def dropped(cloud: Cloud) -> int:
    async with client(cloud, "registration") as http:
        return sum((await http.get("/health")).json()["dropped"].values())


async def test_each_kind_comes_to_its_end(cloud, new_fleet, tmp_path):
    fleet: Fleet = new_fleet(
        "kind", 24, {"healthy": 3, "slow": 1, "offline": 1, "lying": 1, "failing": 1, "reverting": 1}
    )
    async with client(cloud, "ota") as http, fleet.fetching(str(cloud.ca)), fleet.running():
        await fleet.all_online(WITHIN_S)
        path = release_file(tmp_path, cloud.keys / "release.pem", "1.1.0")
        release = (await http.post("/v1/releases", content=path.read_bytes())).json()["digest"]
        asked = {
            "release": release,
            "filter": {"ids": fleet.ids},
            "groups": [{"name": "all", "share": 1.0}],
            "success_threshold": 0.5,
            "error_threshold": 0.9,
        }
        campaign = (await http.post("/v1/campaigns", json=asked)).json()["id"]
        await until(cloud, "SELECT 1 FROM campaigns WHERE id = %s AND status = 'SUCCEEDED'", campaign)
        by_device = dict(
            await rows(cloud, "SELECT device_id, status FROM jobs WHERE campaign_id = %s", campaign)
        )
    assert Counter((device.kind_name, by_device[device.id]) for device in fleet.devices) == {
        ("healthy", "SUCCEEDED"): 9,
        ("slow", "SUCCEEDED"): 3,
        ("offline", "SUCCEEDED"): 3,
        ("lying", "SUCCEEDED"): 3,
        ("failing", "FAILED"): 3,
        ("reverting", "FAILED"): 3,
    }
    assert fleet.twice() == []
    assert fleet.world.counts["foreign messages"] == 0
    assert fleet.world.counts["fetched: 206"] == 18


async def test_bad_payloads_by_the_thousand_are_counted_and_dropped(cloud, new_fleet):
    """And the heartbeat that comes after them is kept."""
    fleet: Fleet = new_fleet("liar", 1)
    (device,), random = fleet.devices, Random(1)
    before, told = await dropped(cloud), 0
    async with fleet.running():
        await fleet.all_online(WITHIN_S)
        while told < 2000:
            said = [
                device.link.publish(topics.topic(device.id, name), payload)
                for name, payload in lies.telemetry(random)
            ]
            await asyncio.gather(*said)
            told += len(said)
        device.version = "9.9.9"
        await device.link.publish(topics.topic(device.id, "heartbeat"), device.heartbeat())
        await until(cloud, "SELECT 1 FROM devices WHERE id = %s AND app_version = '9.9.9'", device.id)
    assert await dropped(cloud) - before == told


@pytest.mark.parametrize("name", topics.TOPICS)
async def test_no_device_hears_or_speaks_for_another(cloud, new_fleet, name):
    """Whatever the topic: no subscription, no message, no last will."""
    fleet: Fleet = new_fleet("spy", 2)
    spy, victim = fleet.devices
    heard: list[str] = []
    topic = topics.topic(victim.id, name)
    tls = spy.identity.context(str(cloud.ca))
    link = await connect(fleet.world.where, spy.id, lambda topic, _: heard.append(topic), tls=tls)
    try:
        for wanted in (topic, topics.topic("+", name), f"{topics.PREFIX}/{victim.id}/#", "#"):
            assert await link.subscribe(wanted) == [0x80], wanted
        marked = json.dumps({"v": 1, "online": True, "kind": "spy", "state": "SPY", "versions": {}}).encode()
        with pytest.raises(LinkLost):  # 3.1.1 has no other word for it
            await link.publish(topic.replace("+", "1"), marked)
            await link.publish(topics.topic(spy.id, "heartbeat"), spy.heartbeat())
    finally:
        link.cut()
    with pytest.raises(LinkLost):
        will = (topic.replace("+", "1"), marked)
        await connect(fleet.world.where, spy.id, lambda *_: None, tls=tls, will=will)
    assert heard == []
    for table in ("presence", "heartbeats", "events"):
        assert await rows(cloud, f"SELECT 1 FROM {table} WHERE device_id = %s", victim.id) == []


def test_more_devices_than_files_are_refused():
    with pytest.raises(TooMany, match="open files"):
        allow_files(10**9)
