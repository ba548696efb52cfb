"""A cloud in processes, a fleet in this one, and campaigns while servers are harmed."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import httpx
import psycopg

from cloud import pki
from cloud.embedded import ports
from cloud.embedded.server import Server
from cloud.processes import Cloud
from tests.cloud.fleet import release_file
from tests.faults import checks
from tests.faults.second import SecondOta
from tools.fleet import identities
from tools.fleet.device import Timing
from tools.fleet.fleet import Fleet
from tools.fleet.link import Where

MIX = {"healthy": 14, "slow": 1, "offline": 1, "lying": 2, "reverting": 1, "failing": 1}
GROUPS = [
    {"name": "canary", "share": 0.01},
    {"name": "quarter", "share": 0.25},
    {"name": "half", "share": 0.5},
    {"name": "rest", "share": 1.0},
]
Say = Callable[[str], None]


def enrolled(cloud: Cloud, ids: list[str]) -> list[identities.Identity]:
    authority = pki.load_authority(cloud.ca, cloud.material.ca_key)
    made = identities.sign(ids, authority)
    identities.store(cloud.settings.postgres_url, made)
    return made


@dataclass
class Lab:
    cloud: Cloud
    fleet: Fleet
    http: httpx.AsyncClient  # of ota, as admin
    second: SecondOta | None = None
    say: Say = print
    version: int = 0
    begun: float = field(default_factory=time.monotonic)

    def server(self, name: str) -> Server:
        (found,) = [each for each in self.cloud.servers if each.name == name]
        return found

    @contextmanager
    def rows(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.cloud.settings.postgres_url, connect_timeout=5) as connection:
            yield connection

    async def campaign(self, groups: list[dict], **more) -> int:
        self.version += 1
        path = release_file(self.cloud.data, self.cloud.keys / "release.pem", f"1.{self.version}.0")
        release = await self.http.post("/v1/releases", content=path.read_bytes())
        assert release.status_code == 201, release.text
        asked = {
            "release": release.json()["digest"],
            "filter": {"ids": self.fleet.ids},
            "groups": groups,
            **more,
        }
        answer = await self.http.post("/v1/campaigns", json=asked)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    async def until(
        self, right: Callable[[list], bool], within_s: float, statement: str, *params: object
    ) -> list:
        """The rows, once they are right. While PostgreSQL is down, nobody is asked."""
        rows: list = []
        try:
            async with asyncio.timeout(within_s):
                while True:
                    try:
                        rows = await asyncio.to_thread(self._fetch, statement, params)
                        if right(rows):
                            return rows
                    except psycopg.OperationalError as error:
                        rows = [str(error)]
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise AssertionError(f"after {within_s:.0f} s still {rows} of {statement}") from None

    def _fetch(self, statement: str, params: tuple) -> list:
        with self.rows() as connection:
            return connection.execute(statement, params).fetchall()

    async def at_work(self, campaign: int, group: int, within_s: float) -> None:
        """Until some jobs of a group are in work. A campaign that has ended by then is an error."""
        rows = await self.until(lambda rows: any(rows[0]), within_s, _AT_WORK, campaign, campaign, group)
        status, works = rows[0]
        assert works, f"campaign {campaign} is {status} before its group {group} works"

    async def ended(self, campaign: int, within_s: float) -> tuple[str, str]:
        """(status, reason), once it and all its jobs have ended."""
        rows = await self.until(lambda rows: bool(rows) and rows[0][2] == 0, within_s, _ENDED, campaign)
        return rows[0][0], rows[0][1]

    async def settled(self, within_s: float) -> None:
        """Until the devices have got rid of what they had to say."""
        async with asyncio.timeout(within_s):
            while any(r.last and not r.acknowledged for d in self.fleet.devices for r in d.jobs.values()):
                await asyncio.sleep(0.1)

    def wrong(self, campaign: int) -> list[str]:
        with self.rows() as connection:
            return checks.broken_promises(connection, campaign, self.fleet) + checks.second_leaders(
                connection
            )


@asynccontextmanager
async def lab(
    cloud: Cloud,
    count: int,
    parts: dict[str, int],
    timing: Timing,
    *,
    prefix: str = "sim",
    second: bool = True,
) -> AsyncIterator[Lab]:
    """The fleet is online when this begins."""
    made = await asyncio.to_thread(enrolled, cloud, identities.names(count, prefix))
    fleet = Fleet(Where("127.0.0.1", cloud.ports["broker"], str(cloud.ca)), made, parts, timing)
    headers = {"Authorization": f"Bearer {cloud.admin_token}"}
    trusted = ssl.create_default_context(cafile=cloud.ca)
    other = SecondOta("ota-2", cloud.data, ports.free(1)[0], cloud.environ_of("ota")) if second else None
    try:
        if other:
            await asyncio.to_thread(other.start)
        async with (
            httpx.AsyncClient(
                base_url=cloud.urls["ota"], verify=trusted, headers=headers, timeout=60
            ) as http,
            fleet.running(over_s=count / 400),
        ):
            await fleet.all_online(60 + count / 50)
            yield Lab(cloud, fleet, http, other)
    finally:
        if other:
            await asyncio.to_thread(other.stop)


_AT_WORK = """
SELECT (SELECT status || ': ' || reason FROM campaigns WHERE id = %s AND status <> 'RUNNING'),
    EXISTS (SELECT FROM jobs WHERE campaign_id = %s AND group_number = %s AND status <> 'QUEUED')
"""

_ENDED = """
SELECT c.status, c.reason,
    (SELECT count(*) FROM jobs j WHERE j.campaign_id = c.id AND j.status IN ('QUEUED', 'IN_PROGRESS'))
FROM campaigns c WHERE c.id = %s AND c.status NOT IN ('RUNNING', 'PAUSED')
"""
