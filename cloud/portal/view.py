"""A page that is written here, shown by live.js, and written anew when the fleet changes or a person acts."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import websockets
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from nicegui import Client, ui

from cloud.portal import charts, words
from cloud.portal.api import Api, ApiError, SignedOut

FIRST_LOOK_S = 2.0  # a page that is not read by then is shown without its contents first
AGAIN_AFTER_S = 2.0  # a lost subscription
CLOCK_EVERY_S = 30.0  # "3 min ago" goes on
TOAST_S = 6.0

log = logging.getLogger(__name__)

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters.update(words.FILTERS)
_templates.globals.update(charts=charts, tone=words.tone, changed=words.changed)


def render(template: str, **context: Any) -> str:
    return _templates.get_template(template).render(**context)


class Live(ui.element, component="live.js"):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.props["html"] = html

    def show(self, html: str) -> None:
        self.props["html"] = html


class View:
    """Subclasses read in `load`, name what they `watch`, and have a `do_NAME(said)` for each thing one can do."""

    template: ClassVar[str]
    section: ClassVar[str]
    title = ""
    refresh_s: ClassVar[float] = 0.3  # not more often than this, however much happens

    def __init__(self, api: Api, query: Mapping[str, str]) -> None:
        self.api, self.query = api, dict(query)
        self.me: dict = {}
        self.data: dict = {}
        self.waiting = 0  # campaigns that wait for an approval
        self.trouble, self.connected, self.asked = "", False, ""
        self.said: dict = {}  # what the open dialog was asked for with
        self.toasts: list[dict] = []
        self._dirty = asyncio.Event()
        self._tasks: list[asyncio.Task] = []
        self._live: Live | None = None

    # -- for subclasses

    async def load(self) -> None:
        raise NotImplementedError

    def watch(self) -> tuple[str, dict] | None:
        """(subscription, its variables) whose messages say that the page is to be read again."""
        return None

    def context(self) -> dict:
        return {}

    def take(self, data: dict) -> None:
        self.me, waiting, self.data = data.pop("me"), data.pop("waiting"), data
        others = [each for each in waiting["edges"] if each["node"]["createdBy"] != self.me["name"]]
        self.waiting = len(others) if self.may("APPROVE") else 0

    def may(self, permission: str) -> bool:
        return permission in self.me.get("may", ())

    # -- on the page

    async def begin(self, client: Client) -> None:
        self._client = client
        first = asyncio.create_task(self._read())
        await asyncio.wait([first], timeout=FIRST_LOOK_S)
        self._live = Live(self.html())
        self._live.on("do", lambda event: self._do(event.args))
        if not first.done():
            first.add_done_callback(lambda _: self.render())
        self._tasks = [asyncio.create_task(each) for each in (self._follow(), self._refresh(), self._tick())]
        client.on_delete(self._end)

    def html(self) -> str:
        return render(self.template, view=self, me=self.me, **self.data, **self.context())

    def render(self) -> None:
        if self._live and not self._live.is_deleted:
            self._live.show(self.html())

    def _end(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _read(self) -> None:
        try:
            await self.load()
            self.trouble = ""
        except SignedOut:
            self.go("/sign-in")
        except ApiError as error:
            self.trouble = str(error)

    def go(self, where: str) -> None:
        with self._client:
            ui.navigate.to(where)

    def address(self, where: str) -> None:
        """What a reload, a bookmark and a link to this page lead to."""
        with self._client:
            ui.navigate.history.replace(where)

    def say(self, text: str, tone: str = "good") -> None:
        toast = {"text": text, "tone": tone, "key": f"toast{id(text)}"}
        self.toasts = [*self.toasts[-2:], toast]
        asyncio.get_running_loop().call_later(TOAST_S, self._unsay, toast)

    def _unsay(self, toast: dict) -> None:
        self.toasts = [each for each in self.toasts if each is not toast]
        self.render()

    # -- what happens

    async def _do(self, said: dict) -> None:
        act = getattr(self, f"do_{said.get('do', '').replace('-', '_')}", None)
        if act is None:
            log.warning("%s has nothing to do for %r", type(self).__name__, said.get("do"))
            return
        try:
            await act(said)
        except SignedOut:
            self.go("/sign-in")
            return
        except ApiError as error:
            self.say(str(error), "bad")
        self.render()

    async def do_ask(self, said: dict) -> None:
        """Open the dialog that is named; what else was said is in `self.said`."""
        self.asked, self.said = said["dialog"], said

    async def do_close(self, said: dict) -> None:
        self.asked = ""

    async def _follow(self) -> None:
        while (watched := self.watch()) is None:
            await asyncio.sleep(AGAIN_AFTER_S)
        while True:
            try:
                async with contextlib.aclosing(self.api.news(watched[0], **watched[1])) as news:
                    await self._heard(news)
            except (OSError, ApiError, websockets.WebSocketException) as error:
                log.info("subscription of %s: %s; again in %.0f s", type(self).__name__, error, AGAIN_AFTER_S)
            self.connected = False
            self.render()
            await asyncio.sleep(AGAIN_AFTER_S)
            self._dirty.set()  # the API is away, or the session has ended: reading says which

    async def _heard(self, news: AsyncIterator[dict]) -> None:
        async for _ in news:
            self.connected = True
            self._dirty.set()

    async def _refresh(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            await self._read()
            self.render()
            await asyncio.sleep(self.refresh_s)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(CLOCK_EVERY_S)
            self.render()
