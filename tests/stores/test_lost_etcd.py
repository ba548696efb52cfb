"""etcd comes back empty, or as it was yesterday: the scheduler goes on, and no earlier leader acts again."""

import asyncio
import shutil
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from cloud.db import migrate
from cloud.embedded import ports
from cloud.embedded.etcd import Etcd
from cloud.ota.leader import Deposed, Election, fence
from cloud.tasks import background
from tests.cloud.fleet import LEASE_S, WAIT_S

ROLE = "campaigns"


@pytest.fixture
async def etcd(tmp_path: Path):
    """One of its own: others are not to lose theirs."""
    server = Etcd(tmp_path, *ports.free(2), durable=True)
    await asyncio.to_thread(server.start)
    yield server
    await asyncio.to_thread(server.stop)


@pytest.fixture
async def connection(database_url):
    async with await psycopg.AsyncConnection.connect(
        database_url, row_factory=dict_row, autocommit=True
    ) as connection:
        await migrate(connection)
        yield connection


class Standing:
    """A candidate; `act` is what the scheduler does, until it is let."""

    def __init__(self, etcd: Etcd, holder: str) -> None:
        self.elected = asyncio.Event()
        self.election = Election(etcd.url, ROLE, holder, self.elected, LEASE_S)

    def running(self):
        return background(self.election.run(), self.election.holder)

    async def act(self, connection) -> int:
        async with asyncio.timeout(WAIT_S):
            while True:
                revision = await self._leads()
                try:
                    await fence(connection, ROLE, revision, self.election.holder)
                    return revision
                except Deposed as error:
                    self.elected.clear()
                    await self.election.deposed(error.revision)

    async def _leads(self) -> int:
        while (revision := self.election.revision) is None:
            self.elected.clear()
            await self.elected.wait()
        return revision


async def test_empty_etcd_is_followed_and_the_leader_before_is_not(etcd, connection):
    old, new = Standing(etcd, "old"), Standing(etcd, "new")
    async with old.running():
        before = await old.act(connection)
    await asyncio.to_thread(etcd.stop)
    shutil.rmtree(etcd.folder)
    await asyncio.sleep(1)  # a generation is a second: an etcd isn't lost twice in one
    await asyncio.to_thread(etcd.start)
    async with new.running():
        after = await new.act(connection)
        assert after > before
        with pytest.raises(Deposed):
            await fence(connection, ROLE, before, "old")
        with pytest.raises(Deposed):  # neither one that was elected there later, and has slept till now
            await fence(connection, ROLE, before + 1000, "old too")
        assert await new.act(connection) == after


async def test_etcd_as_it_was_yesterday_is_found_out(etcd, connection, tmp_path):
    async with Standing(etcd, "first").running():
        pass
    yesterday = tmp_path / "yesterday"
    await asyncio.to_thread(etcd.stop)
    shutil.copytree(etcd.folder, yesterday)
    await asyncio.to_thread(etcd.start)
    for number in range(3):  # each takes the revision on
        today = Standing(etcd, f"today {number}")
        async with today.running():
            before = await today.act(connection)
    await asyncio.to_thread(etcd.stop)
    shutil.rmtree(etcd.folder)
    shutil.copytree(yesterday, etcd.folder)
    await asyncio.to_thread(etcd.start)
    new, other = Standing(etcd, "new"), Standing(etcd, "other")
    async with new.running(), other.running():
        acting = [asyncio.create_task(each.act(connection)) for each in (new, other)]
        done, _ = await asyncio.wait(acting, timeout=WAIT_S, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == 1 and done.pop().result() > before
        with pytest.raises(Deposed):
            await fence(connection, ROLE, before, "today 2")
        for each in acting:
            each.cancel()


async def test_leader_that_is_late_finds_etcd_whole(etcd, connection):
    """Nothing is lost: it stands anew, and etcd's generation stays."""
    late = Standing(etcd, "late")
    async with late.running():
        revision = await late.act(connection)
        await fence(connection, ROLE, revision + 1, "another")
        later = await late.act(connection)
    assert later > revision + 1 and later >> 32 in (revision >> 32, (revision >> 32) + 1)
