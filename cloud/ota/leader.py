"""Which process leads: an etcd election behind a lease, and the fence in PostgreSQL that makes it safe.

A process can be wrong about leading (paused, cut off, a slow disk). So the lease only says who may try; each
act carries the revision of its election, and a row in `leaders` refuses all below the highest it has seen.
etcd's API: its JSON gateway, https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/
"""

import asyncio
import logging
import random
import time
from base64 import b64encode
from contextlib import suppress

import httpx

from cloud.db import Connection

LEASE_S = 5
REQUEST_TIMEOUT_S = 2.0

log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """etcd no longer knows the lease."""


class Deposed(Exception):
    """A later leader has acted."""


class Election:
    """Takes part in the election of `role` while `run()` does. `revision` is None when it does not lead."""

    def __init__(self, url: str, role: str, holder: str, elected: asyncio.Event, lease_s: int = LEASE_S):
        """`elected` is set each time it begins to lead."""
        self.holder = holder
        self._url, self._role, self._lease_s, self._elected_event = url, role, lease_s, elected
        self._revision: int | None = None
        self._alive_until = 0.0

    @property
    def revision(self) -> int | None:
        """That of its election, as long as the lease can't have run out."""
        return self._revision if time.monotonic() < self._alive_until else None

    async def run(self) -> None:
        """Stand for election again and again."""
        async with httpx.AsyncClient(base_url=self._url, timeout=REQUEST_TIMEOUT_S) as etcd:
            while True:
                try:
                    await self._stand(etcd)
                except* (httpx.HTTPError, LeaseLost) as errors:
                    log.warning("not leading %s: %r", self._role, errors.exceptions[0])
                await asyncio.sleep(random.uniform(0.5, 1.0))

    async def _stand(self, etcd: httpx.AsyncClient) -> None:
        """One lease, from its grant until it is lost. Raises ExceptionGroup."""
        self._alive_until = time.monotonic() + self._lease_s
        lease = (await _call(etcd, "lease/grant", {"TTL": self._lease_s}))["ID"]
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_alive(etcd, lease))
                self._revision = await self._elected(etcd, lease)
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

    async def _keep_alive(self, etcd: httpx.AsyncClient, lease: str) -> None:
        while True:
            asked_at = time.monotonic()
            answer = await _call(etcd, "lease/keepalive", {"ID": lease})
            if int(answer["result"].get("TTL", 0)) <= 0:
                raise LeaseLost(f"lease {lease} ran out")
            self._alive_until = asked_at + self._lease_s
            await asyncio.sleep(self._lease_s / 3)


async def fence(connection: Connection, role: str, revision: int, holder: str) -> None:
    """Let no earlier leader act from now on, and none beside this transaction. Raises Deposed."""
    done = await connection.execute(
        "UPDATE leaders SET revision = %(revision)s, holder = %(holder)s"
        " WHERE role = %(role)s"
        " AND (revision < %(revision)s OR (revision, holder) = (%(revision)s, %(holder)s))",
        {"role": role, "revision": revision, "holder": holder},
    )
    if done.rowcount != 1:
        raise Deposed(
            f"{holder}: revision {revision} of {role} is not the latest; if etcd has lost its data, run:"
            f" UPDATE leaders SET revision = 0 WHERE role = '{role}'"
        )


async def _call(
    etcd: httpx.AsyncClient, method: str, asked: dict, timeout_s: float | None = REQUEST_TIMEOUT_S
):
    answer = await etcd.post(f"/v3/{method}", json=asked, timeout=timeout_s)
    answer.raise_for_status()
    return answer.json()


def _b64(text: str) -> str:
    return b64encode(text.encode()).decode()
