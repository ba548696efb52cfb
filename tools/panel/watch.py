"""One watcher of the board for all pages: what is new comes in, what people do goes out, each in its order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from nicegui import Event

from tools.panel.history import History
from tools.virtual import service
from tools.virtual.wiring import KEYS

_RETRY_S = 0.5
_LOG_LINES = 400
_LATEST = ("battery_mv", "temperature_c")  # of these only the last one that waits is worth sending


class Watch:
    """`changed` comes with each news, with the lines that are new. All attributes are those of the last news.

    `run` must run as a task; a board that isn't there is waited for.
    """

    def __init__(self, port: Path):
        self.port = port
        self.changed: Event = Event()
        self.trouble = f"waiting for a board at {port}"
        self.news: dict = {}
        self.history = History()
        self.lines: list[str] = []

    async def run(self) -> None:
        while True:
            try:
                self._take(
                    await asyncio.to_thread(service.ask, self.port, ["news", self.news.get("seen", {})])
                )
            except (service.NoBoard, OSError) as error:
                self._lost(str(error))
                await asyncio.sleep(_RETRY_S)

    def _take(self, news: dict) -> None:
        anew = news["seen"]["run"] != self.news.get("seen", {}).get("run")
        if anew:
            self.history, self.lines = History(), []
        self.news, self.trouble = news, ""
        self.history.take(news)
        self.lines = [*self.lines, *news["lines"]][-_LOG_LINES:]
        self.changed.emit(news["lines"], anew)

    def _lost(self, why: str) -> None:
        if why != self.trouble:
            self.trouble = why
            self.changed.emit([], False)


class Hands:
    """Orders of the pages to the board. A key that several pages hold is let go by the last of them."""

    def __init__(self, watch: Watch):
        self._watch = watch
        self._holders: dict[str, set[str]] = {key: set() for key in KEYS.values()}
        self._owed: set[str] = set()  # keys that went down by a page and whose release has not arrived
        self._waiting: list[tuple[list, Callable[[str], None]]] = []
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def busy(self) -> bool:
        """Whether the board has yet to be told something: what it says of itself may be older."""
        return not self._idle.is_set()

    def order(self, on_error: Callable[[str], None], *order) -> None:
        """Have the board told; `on_error` gets the words of a refusal."""
        last = self._waiting[-1][0] if self._waiting else [None]
        if order[0] in _LATEST and last[0] == order[0]:
            self._waiting.pop()
        self._waiting.append((list(order), on_error))
        self._idle.clear()
        self._news.set()

    def hold(self, page: str, key: str, on_error: Callable[[str], None]) -> None:
        holders = self._holders[key]
        if not holders:
            self._owed.add(key)
            self.order(on_error, "hold", key)
        holders.add(page)

    def release(self, page: str, key: str) -> None:
        holders = self._holders[key]
        if page in holders:
            holders.remove(page)
            if not holders:
                self.order(lambda words: None, "release", key)

    def release_all(self, page: str) -> None:
        for key in self._holders:
            self.release(page, key)

    async def let_go(self) -> None:
        """Release all that is held, and wait until the board knows."""
        for key, holders in self._holders.items():
            if holders:
                holders.clear()
                self.order(lambda words: None, "release", key)
        self._idle.clear()
        self._news.set()
        await asyncio.wait_for(self._idle.wait(), 5)

    async def run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                await self._send(*self._waiting.pop(0))
            self._idle.set()

    async def _send(self, order: list, on_error: Callable[[str], None]) -> None:
        try:
            await asyncio.to_thread(service.ask, self._watch.port, order)
            if order[0] == "release":
                self._owed.discard(order[1])
        except (service.NoBoard, OSError) as error:
            on_error(str(error))

    def board_came_back(self) -> None:
        """A key whose release fell into the time without a board is still down on it."""
        for key in self._owed:
            if not self._holders[key]:
                self.order(lambda words: None, "release", key)
