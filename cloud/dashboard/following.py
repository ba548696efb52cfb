"""What subscriptions wait for: one connection to Redis for all of them in this process."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import contextmanager, suppress

from graphql import GraphQLError

from cloud.changes import Heard
from cloud.dashboard.context import Context

CHECK_EVERY_S = 30.0  # whether the session still holds
AT_MOST_EVERY_S = 1.0  # of what is about the whole fleet

Sets = dict[str, set[str]]


class Follower:
    """Hands on what was heard to each listener, which keeps what it has not got round to."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    def heard(self, changed: Heard) -> None:
        for each in self._listeners:
            each.heard(changed)

    def everything(self) -> None:
        """Something may have been lost: all are to look again."""
        for each in self._listeners:
            each.everything()

    @contextmanager
    def listening(self, kind: str | None, ids: set[str] | None):
        listener = Listener(kind, ids)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)


class Listener:
    """For a kind, or all; for some ids of it, or all."""

    def __init__(self, kind: str | None, ids: set[str] | None) -> None:
        self._kind, self._ids = kind, ids
        self._pending: Sets = {}
        self._more = asyncio.Event()
        self.everything()

    def heard(self, changed: Heard) -> None:
        for kind, ids in changed.items():
            if self._kind not in (None, kind):
                continue
            mine = set(ids) if self._ids is None else self._ids.intersection(ids)
            if mine:
                self._pending.setdefault(kind, set()).update(mine)
                self._more.set()

    def everything(self) -> None:
        if self._kind:
            self._pending.setdefault(self._kind, set()).update(self._ids or ())
        self._more.set()

    async def next(self) -> Sets:
        """What has changed since it was last asked, at the latest after CHECK_EVERY_S."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CHECK_EVERY_S):
                await self._more.wait()
        self._more.clear()
        pending, self._pending = self._pending, {}
        return pending


async def of(context: Context, kind: str, ids: set[str] | None) -> AsyncGenerator[set[str], None]:
    """Ids that have changed; `ids` None: any. The first are all of `ids`, for what is there now."""
    async for changed in _changes(context, kind, ids, AT_MOST_EVERY_S if ids is None else 0):
        if ids is None or kind in changed:
            yield changed.get(kind, set())


async def anything(context: Context) -> AsyncGenerator[Sets, None]:
    async for changed in _changes(context, None, None, AT_MOST_EVERY_S):
        if changed:
            yield changed


async def _changes(
    context: Context, kind: str | None, ids: set[str] | None, pause_s: float
) -> AsyncIterator[Sets]:
    checked = time.monotonic()
    with context.state.follower.listening(kind, ids) as listener:
        while True:
            changed = await listener.next()
            if time.monotonic() - checked >= CHECK_EVERY_S:
                await _check(context)
                checked = time.monotonic()
            yield changed
            await asyncio.sleep(pause_s)


async def _check(context: Context) -> None:
    """That the session still holds."""
    context.who = await context.state.who_is(context.token)
    if context.who is None:
        raise GraphQLError("nobody is signed in, or no more", extensions={"code": "UNAUTHENTICATED"})
