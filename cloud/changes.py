"""What has changed, told to whoever watches: by Redis pub/sub, after the commit, a burst in one message.

Losing it loses nothing but liveness: who watches looks again when the connection comes back, and each minute anyway.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from contextvars import ContextVar

import redis.asyncio as redis
from redis.exceptions import RedisError

CHANNEL = "fieldrec:v1:changes"
KINDS = ("device", "campaign", "release")
GATHER_S = 0.1
IDS_MAX = 5_000  # in a message
TIMEOUT_S = 1.0
AGAIN_S = 1.0

_touched: ContextVar[set[str] | None] = ContextVar("touched", default=None)  # subjects, in a request

Heard = Mapping[str, list[str]]  # kind: ids
Tell = Callable[[str, Iterable[str | int]], None]  # Changes.publish


def nobody(kind: str, ids: Iterable[str | int]) -> None:
    """A Tell for where nobody watches."""


log = logging.getLogger(__name__)


class Changes:
    """`publish` never waits; what it got is sent by `run`, at most every GATHER_S."""

    def __init__(self, url: str):
        self._redis = redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
        self._pending: dict[str, set[str]] = {}
        self._more = asyncio.Event()

    async def aclose(self) -> None:
        await self._redis.aclose()

    def publish(self, kind: str, ids: Iterable[str | int]) -> None:
        """`kind` is one of KINDS. To be called after the commit."""
        if new := {str(each) for each in ids}:
            self._pending.setdefault(kind, set()).update(new)
            self._more.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._more.wait()
            self._more.clear()
            pending, self._pending = self._pending, {}
            try:
                for message in _messages(pending):
                    await self._redis.publish(CHANNEL, message)
            except RedisError as error:
                log.warning("changes are not told, Redis is not answering: %s", error)
            await asyncio.sleep(GATHER_S)

    def publish_subjects(self, subjects: Iterable[str]) -> None:
        """As the audit log names them: `device:ID`. Those of other kinds are left out."""
        for subject in subjects:
            kind, _, each = subject.partition(":")
            if kind in KINDS:
                self.publish(kind, [each])


def touch(subject: str) -> None:
    """What a request changes, to be told once it is over, and so committed. Outside of a request: nothing."""
    if (touched := _touched.get()) is not None:
        touched.add(subject)


class TellChanges:
    """ASGI middleware: what was touched in a request is told after it, by `app.state.changes` where there is one."""

    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        touched: set[str] = set()
        token = _touched.set(touched)
        try:
            await self._app(scope, receive, send)
        finally:
            _touched.reset(token)
            if touched and (changes := getattr(scope["app"].state, "changes", None)):
                changes.publish_subjects(touched)


def _messages(pending: dict[str, set[str]]) -> list[str]:
    flat = [(kind, each) for kind, ids in pending.items() for each in sorted(ids)]
    parts = [flat[first : first + IDS_MAX] for first in range(0, len(flat), IDS_MAX)]
    return [json.dumps({kind: [i for k, i in part if k == kind] for kind in pending}) for part in parts]


async def follow(url: str, heard: Callable[[Heard], None], lost: Callable[[], None]) -> None:
    """For ever: each message to `heard`; `lost` each time that some may have been missed."""
    while True:
        client = redis.from_url(url, socket_timeout=None, socket_connect_timeout=TIMEOUT_S)
        try:
            async with client.pubsub() as subscribed:
                await subscribed.subscribe(CHANNEL)
                lost()
                async for message in subscribed.listen():
                    if message["type"] == "message":
                        _hand_on(message["data"], heard)
        except (RedisError, OSError) as error:
            log.warning("nothing is heard of changes, Redis is not answering: %s", error)
        finally:
            with suppress(RedisError, OSError):
                await client.aclose()
        await asyncio.sleep(AGAIN_S)


def _hand_on(data: bytes, heard: Callable[[Heard], None]) -> None:
    try:
        changed = json.loads(data)
        heard({kind: ids for kind, ids in changed.items() if kind in KINDS})
    except (ValueError, AttributeError):
        log.warning("dropped %d bytes on %s", len(data), CHANNEL)
