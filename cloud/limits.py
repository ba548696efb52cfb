"""Limits against floods: how often an address may ask.

The counters are in Redis. Without it nothing is refused, and a line in the log says so: a cache that is down
must not keep a fleet out.
"""

import ipaddress
import logging
import time
from collections.abc import Callable

import redis.asyncio as redis
from fastapi import Request
from redis.exceptions import RedisError
from starlette.requests import HTTPConnection

from cloud.liveconfig import LiveConfig
from cloud.web import Refused

WINDOW_S = 60
TIMEOUT_S = 1.0
AWAY_S = 5.0  # after a failure Redis isn't asked for so long: a request need not wait for it each time

# what: how many an address may have in WINDOW_S. A fleet behind one address comes at once, too.
PER_WINDOW = {"enrol": 1200, "wrong token": 600, "sign in": 300, "sign in of a user": 10}

log = logging.getLogger(__name__)


class Limits:
    """Counts by address and window. `per_window` as PER_WINDOW; `clock` gives seconds."""

    answers = True  # whether Redis did, last time

    def __init__(
        self, url: str, per_window: dict[str, int] | None = None, clock: Callable[[], float] = time.time
    ):
        self._clock = clock
        self.per_window = dict(per_window or PER_WINDOW)
        self._redis = redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
        self._away_until = 0.0

    async def aclose(self) -> None:
        await self._redis.aclose()

    def follow(self, live: LiveConfig) -> None:
        """As the configuration says from now on."""
        self.per_window |= {
            "enrol": live["enrols_per_minute"],
            "wrong token": live["wrong_tokens_per_minute"],
        }

    async def take(self, what: str, request: Request) -> None:
        """Count one of this client's address, and refuse with 429 if it is one too many."""
        await self.take_for(what, address(request))

    async def take_for(self, what: str, whom: str) -> None:
        """The same for whatever `whom` is: an address, a user."""
        if await self._count(what, whom) > self.per_window[what]:
            raise Refused(429, f"too many requests from this address ({what}); wait {WINDOW_S} s")

    async def _count(self, what: str, whom: str) -> int:
        now = self._clock()
        if now < self._away_until:
            return 0
        key = f"fieldrec:v1:limit:{what}:{whom}:{int(now) // WINDOW_S}"
        pipe = self._redis.pipeline(transaction=False)
        pipe.incr(key)
        pipe.expire(key, 2 * WINDOW_S)
        try:
            count = (await pipe.execute())[0]
            self.answers = True
            return count
        except RedisError as error:
            self._away_until, self.answers = now + AWAY_S, False
            log.warning("Redis is not answering (%s): no limits for %.0f s", error, AWAY_S)
            return 0


def address(request: HTTPConnection) -> str:
    """Of the client; of IPv6 the network, for a client has all of its addresses."""
    try:
        found = ipaddress.ip_address(request.client.host if request.client else "")
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)
