"""A running cloud with its portal, people of each role, and simulated devices in a thread of this process."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg

from cloud import pki
from cloud.processes import Cloud
from tests.cloud.fleet import release_file
from tools.fleet import identities
from tools.fleet.device import Timing
from tools.fleet.fleet import Fleet
from tools.fleet.link import Where

PASSWORD = "correct horse battery"
PEOPLE = {"operator": "OPERATOR", "approver": "APPROVER", "viewer": "VIEWER", "admin": "ADMIN"}
READY_S = 60.0


@dataclass
class Lab:
    cloud: Cloud
    http: httpx.Client  # of the dashboard, as admin
    links: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.cloud.urls["portal"]

    @property
    def trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.cloud.ca))

    def change(self, field: str, arguments: str, wanted: str) -> dict:
        document = (
            f"mutation {{ {field}({arguments}) {{ __typename ... on Problem {{ message }} {wanted} }} }}"
        )
        answer = self.http.post("/graphql", json={"query": document}).json()
        assert "errors" not in answer, answer
        found = answer["data"][field]
        assert "message" not in found, found
        return found

    def release(self, version: str) -> Path:
        """A signed file, not yet uploaded."""
        return release_file(self.cloud.data, self.cloud.keys / "release.pem", version)

    def publish(self, version: str) -> str:
        answer = self.http.post("/v1/releases", content=self.release(version).read_bytes())
        assert answer.status_code == 201, answer.text
        return answer.json()["digest"]

    def run(self, statement: str, *params: object) -> None:
        with psycopg.connect(self.cloud.settings.postgres_url) as connection:
            connection.execute(statement, params)

    @contextmanager
    def fleet(
        self,
        prefix: str,
        count: int,
        mix: dict[str, int] | None = None,
        step_s: float = 0.3,
        over_s: float = 0.0,
    ) -> Iterator[list[str]]:
        """Ids of devices that are online."""
        authority = pki.load_authority(self.cloud.ca, self.cloud.material.ca_key)
        made = identities.sign(identities.names(count, prefix), authority)
        identities.store(self.cloud.settings.postgres_url, made)
        where = Where("127.0.0.1", self.cloud.ports["broker"], str(self.cloud.ca))
        fleet = Fleet(where, made, mix, Timing(step_s=step_s, heartbeat_s=max(5, count / 50)))
        loops: list[asyncio.AbstractEventLoop] = []
        there, done = threading.Event(), asyncio.Event()

        async def live() -> None:
            loops.append(asyncio.get_running_loop())
            async with fleet.running(over_s):
                await fleet.all_online(READY_S + over_s)
                there.set()
                await done.wait()
            await asyncio.sleep(1)  # TLS says goodbye in its own time, and nothing tells when it has

        thread = threading.Thread(target=lambda: asyncio.run(live()), name=f"fleet {prefix}")
        thread.start()
        try:
            assert there.wait(READY_S + over_s), f"{fleet.online} of {count} devices are online"
            yield fleet.ids
        finally:
            loops[0].call_soon_threadsafe(done.set)
            thread.join(30)


@contextmanager
def running(cloud: Cloud) -> Iterator[Lab]:
    """With its people; all have the same password, because argon2 takes its time."""
    trusted = ssl.create_default_context(cafile=str(cloud.ca))
    bearer = {"Authorization": f"Bearer {cloud.admin_token}"}
    with httpx.Client(
        base_url=cloud.urls["dashboard"], verify=trusted, headers=bearer, timeout=30, trust_env=False
    ) as http:
        lab = Lab(cloud, http)
        for name, role in PEOPLE.items():
            lab.change(
                "createUser",
                f'name: "{name}", role: {role}, password: "{PASSWORD}"',
                "... on UserChanged { user { name } }",
            )
        yield lab
