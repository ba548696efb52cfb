"""Which process leads: an etcd election behind a lease, and the fence in PostgreSQL that makes it safe.

A process can be wrong about leading (paused, cut off, a slow disk). So the lease only says who may try; each
act carries the revision of its election, and a row in `leaders` refuses all below the highest it has seen.

An etcd that has lost its data counts its revisions from 1 again. So there is a generation in it, made with the
first election and later than that of any etcd before; a revision here is (generation, revision of etcd) in one
number. An etcd restored from an old copy is found out by the row, which has seen more than it has: then it gets
a new generation.
etcd's API: its JSON gateway, https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/
"""

import asyncio
import logging
import random
import ssl
import time
from base64 import b64decode, b64encode
from contextlib import suppress

import httpx

from cloud.db import Connection

LEASE_S = 5
REQUEST_TIMEOUT_S = 2.0
GENERATION = "fieldrec/generation"
REVISION_BITS = 32
BEGIN_S = (
    1_577_836_800  # 2020: generations are seconds since then, so that two numbers fit a bigint until 2088
)

log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """etcd no longer knows the lease."""


class Deposed(Exception):
    """A later leader has acted, in `revision`."""

    def __init__(self, words: str, revision: int):
        super().__init__(words)
        self.revision = revision


class Election:
    """Takes part in the election of `role` while `run()` does. `revision` is None when it does not lead."""

    def __init__(
        self,
        url: str,
        role: str,
        holder: str,
        elected: asyncio.Event,
        lease_s: int = LEASE_S,
        trust: ssl.SSLContext | bool = True,
    ):
        """`elected` is set each time it begins to lead; `trust` is for an etcd behind TLS."""
        self.holder = holder
        self._url, self._role, self._lease_s, self._elected_event = url, role, lease_s, elected
        self._trust = trust
        self._revision: int | None = None
        self._alive_until = 0.0
        self._told_to_resign = asyncio.Event()

    @property
    def revision(self) -> int | None:
        """That of its election, as long as the lease can't have run out."""
        return self._revision if time.monotonic() < self._alive_until else None

    async def run(self) -> None:
        """Stand for election again and again."""
        async with self._client() as etcd:
            while True:
                try:
                    await self._stand(etcd)
                except* (httpx.HTTPError, LeaseLost) as errors:
                    log.warning("not leading %s: %r", self._role, errors.exceptions[0])
                await asyncio.sleep(random.uniform(0.5, 1.0))

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self._url, timeout=REQUEST_TIMEOUT_S, verify=self._trust)

    async def _stand(self, etcd: httpx.AsyncClient) -> None:
        """One lease, from its grant until it is lost. Raises ExceptionGroup."""
        self._alive_until = time.monotonic() + self._lease_s
        self._told_to_resign.clear()
        generation, _, _ = await _generation(etcd)
        lease = (await _call(etcd, "lease/grant", {"TTL": self._lease_s}))["ID"]
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_alive(etcd, lease))
                group.create_task(self._resign())
                self._revision = generation << REVISION_BITS | await self._elected(etcd, lease)
                log.info("%s leads %s from revision %d", self.holder, self._role, self._revision)
                self._elected_event.set()
        finally:
            self._revision = None
            with suppress(httpx.HTTPError):  # it runs out by itself; this is only faster
                await asyncio.shield(_call(etcd, "lease/revoke", {"ID": lease}))

    async def _elected(self, etcd: httpx.AsyncClient, lease: str) -> int:
        """Waits for its turn, however long; a lost lease ends the wait."""
        asked = {"name": _b64(self._role), "lease": lease, "value": _b64(self.holder)}
        answer = await _call(etcd, "election/campaign", asked, timeout_s=None)
        return int(answer["leader"]["rev"])

    async def deposed(self, revision: int) -> None:
        """Someone has acted in `revision`, later than ours: stand anew. Raises httpx.HTTPError.

        An etcd that is whole is never behind what was seen of it. One that is has lost data, and gets a
        generation above all that was: by comparing and setting, so that of many one does it.
        """
        async with self._client() as etcd:
            generation, changed_at, now = await _generation(etcd)
            if (generation << REVISION_BITS | now) < revision:
                later = (revision >> REVISION_BITS) + 1
                log.critical("etcd has lost data: generation %d follows %d", later, generation)
                await _set_generation(etcd, later, changed_at)
        self._told_to_resign.set()

    async def _resign(self) -> None:
        await self._told_to_resign.wait()
        raise LeaseLost("deposed, standing anew")

    async def _keep_alive(self, etcd: httpx.AsyncClient, lease: str) -> None:
        """From a third of the lease on: its grant was the first sign of life."""
        while True:
            await asyncio.sleep(self._lease_s / 3)
            asked_at = time.monotonic()
            answer = await _call(etcd, "lease/keepalive", {"ID": lease})
            if int(answer["result"].get("TTL", 0)) <= 0:
                raise LeaseLost(f"lease {lease} ran out")
            self._alive_until = asked_at + self._lease_s


async def fence(connection: Connection, role: str, revision: int, holder: str) -> None:
    """Let no earlier leader act from now on, and none beside this transaction. Raises Deposed."""
    done = await connection.execute(
        "UPDATE leaders SET revision = %(revision)s, holder = %(holder)s"
        " WHERE role = %(role)s"
        " AND (revision < %(revision)s OR (revision, holder) = (%(revision)s, %(holder)s))",
        {"role": role, "revision": revision, "holder": holder},
    )
    if done.rowcount != 1:
        rows = await connection.execute("SELECT revision, holder FROM leaders WHERE role = %s", [role])
        latest = await rows.fetchone() or {"revision": 0, "holder": "nobody"}
        raise Deposed(
            f"{holder}: revision {revision} of {role} is not the latest, that is {latest['revision']}"
            f" of {latest['holder']}",
            latest["revision"],
        )


async def _generation(etcd: httpx.AsyncClient) -> tuple[int, int, int]:
    """(generation, the revision in which it was set, etcd's revision now); made if there is none."""
    while True:
        said = await _call(etcd, "kv/range", {"key": _b64(GENERATION)})
        if kvs := said.get("kvs"):
            found = int(b64decode(kvs[0]["value"]))
            return found, int(kvs[0]["mod_revision"]), int(said["header"]["revision"])
        await _set_generation(etcd, max(1, int(time.time()) - BEGIN_S), 0)


async def _set_generation(etcd: httpx.AsyncClient, generation: int, changed_at: int) -> None:
    """Unless it was changed since the revision `changed_at`; 0: unless there is one."""
    key = _b64(GENERATION)
    unchanged = {"key": key, "target": "MOD", "result": "EQUAL", "mod_revision": str(changed_at)}
    put = {"request_put": {"key": key, "value": _b64(str(generation))}}
    await _call(etcd, "kv/txn", {"compare": [unchanged], "success": [put]})


async def _call(
    etcd: httpx.AsyncClient, method: str, asked: dict, timeout_s: float | None = REQUEST_TIMEOUT_S
):
    answer = await etcd.post(f"/v3/{method}", json=asked, timeout=timeout_s)
    answer.raise_for_status()
    return answer.json()


def _b64(text: str) -> str:
    return b64encode(text.encode()).decode()
