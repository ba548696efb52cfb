"""One scheduler acts at a time, and an earlier leader never again, whatever it believes of itself."""

import asyncio
import secrets
import sys
from contextlib import asynccontextmanager

import psycopg
import pytest
from psycopg.rows import dict_row

from cloud.db import migrate
from cloud.ota.leader import Deposed, Election, fence
from cloud.tasks import background
from tests.cloud.fleet import LEASE_S, WAIT_S, serving

_DIES = """
import asyncio, sys
from cloud.ota.leader import Election

async def main():
    elected = asyncio.Event()
    election = Election(*sys.argv[1:4], elected, int(sys.argv[4]))
    standing = asyncio.create_task(election.run())
    await elected.wait()
    print(election.revision, flush=True)
    await standing

asyncio.run(main())
"""


@asynccontextmanager
async def standing(etcd_url: str, role: str, holder: str):
    elected = asyncio.Event()
    election = Election(etcd_url, role, holder, elected, LEASE_S)
    async with background(election.run(), holder):
        yield election, elected


@pytest.fixture
def role() -> str:
    return secrets.token_hex(4)


async def test_next_leader_has_a_higher_revision(cloud_stores, role):
    url = cloud_stores.settings.etcd_url
    async with standing(url, role, "second") as (second, second_elected):
        async with standing(url, role, "first") as (first, first_elected):
            waiting = [asyncio.create_task(each.wait()) for each in (first_elected, second_elected)]
            done, _ = await asyncio.wait(waiting, timeout=WAIT_S, return_when=asyncio.FIRST_COMPLETED)
            assert len(done) == 1 and (first.revision is None) != (second.revision is None)
            before = first.revision or second.revision
        await asyncio.wait_for(second_elected.wait(), WAIT_S)
        assert second.revision >= before


async def test_leader_that_dies_without_a_word_is_followed(cloud_stores, role):
    arguments = (cloud_stores.settings.etcd_url, role, "dies", str(LEASE_S))
    dies = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _DIES, *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert dies.stdout
    revision = int(await asyncio.wait_for(dies.stdout.readline(), WAIT_S))
    async with standing(cloud_stores.settings.etcd_url, role, "follows") as (follows, elected):
        dies.kill()
        await dies.wait()
        await asyncio.wait_for(elected.wait(), WAIT_S)
        assert follows.revision > revision


async def test_leader_stops_by_itself_when_etcd_is_lost(cloud_stores, role):
    (etcd,) = [each for each in cloud_stores.servers if each.name == "etcd"]
    async with standing(cloud_stores.settings.etcd_url, role, "alone") as (alone, elected):
        await asyncio.wait_for(elected.wait(), WAIT_S)
        revision = alone.revision
        elected.clear()
        await asyncio.to_thread(etcd.stop)
        try:
            async with asyncio.timeout(LEASE_S + 1):
                while alone.revision is not None:
                    await asyncio.sleep(0.02)  # time alone ends it, and nothing tells
        finally:
            await asyncio.to_thread(etcd.start)
        await asyncio.wait_for(elected.wait(), WAIT_S)
        assert alone.revision > revision


async def test_fence_lets_no_earlier_leader_act(database_url):
    async with await psycopg.AsyncConnection.connect(database_url, row_factory=dict_row) as connection:
        await migrate(connection)
        await fence(connection, "campaigns", 7, "old")
        await fence(connection, "campaigns", 7, "old")
        await fence(connection, "campaigns", 9, "new")
        for revision, holder in ((7, "old"), (8, "between"), (9, "another")):
            with pytest.raises(Deposed):
                await fence(connection, "campaigns", revision, holder)
        await fence(connection, "campaigns", 9, "new")


async def test_second_service_takes_the_campaign_over(cloud):
    async with serving(cloud.new_ota("service-ota-2")) as second:
        devices = await cloud.devices(2)
        campaign = await cloud.campaign(await cloud.release(), devices)
        await cloud.until(lambda rows: rows, "SELECT FROM jobs WHERE notified_at IS NOT NULL")
        await cloud.stop_ota()
        await asyncio.gather(*(device.update() for device in devices))
        read = await cloud.until_campaign(campaign, "SUCCEEDED", second)
    assert [group["jobs"] for group in read["groups"]] == [{"SUCCEEDED": 1}, {"SUCCEEDED": 1}]
    acts = await cloud.rows("SELECT who FROM audit WHERE who LIKE 'scheduler:%%' ORDER BY id")
    revisions = [int(act["who"].rpartition("@")[2]) for act in acts]
    assert revisions == sorted(revisions) and len(set(revisions)) == 2
    assert len({act["who"] for act in acts}) == 2
