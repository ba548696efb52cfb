"""Devices: the fleet at a glance, and a list of any length that is narrowed down and paged through."""

import asyncio
from typing import Any
from urllib.parse import urlencode

from cloud.portal.api import ApiError
from cloud.portal.view import View

PAGE = 50
GLANCE_S = 0.3  # what the list waits for the counts, so that a small fleet is drawn at once
_TEXTS = {"q": "text", "state": "state", "app": "appVersion", "runtime": "runtimeVersion", "board": "board"}
NARROWED_BY = (*_TEXTS, "group", "online", "label", "out")
NO_GROUP = "-"


class FleetView(View):
    template, section, title = "fleet.html", "devices", "Devices"
    refresh_s = 1.0

    def __init__(self, api, query) -> None:
        super().__init__(api, query)
        self.narrowed = {name: self.query.get(name, "") for name in NARROWED_BY}
        self.pages: list[str | None] = [None]  # the cursor of each page up to this one
        self.counts: dict = {}  # the fleet and its labels, as they were counted last
        self._counting: asyncio.Task | None = None

    async def load(self) -> None:
        """The list; what is counted is drawn when it is there, at first together with it if that does not take long."""
        if self._counting is None:
            self._counting = asyncio.create_task(self._count(), name="counts of a page")
        variables = {"filter": filter_of(self.narrowed), "first": PAGE, "after": self.pages[-1]}
        self.take(await self.api.ask("Devices", **variables))
        if self._counting and not self.counts:
            await asyncio.wait([self._counting], timeout=GLANCE_S)

    async def _count(self) -> None:
        try:
            self.counts = await self.api.ask("Fleet")
        except ApiError as error:
            self.trouble = str(error)
        finally:
            self._counting = None
        self.render()

    def watch(self) -> tuple[str, dict]:
        return "FleetChanged", {}

    def context(self) -> dict:
        counts = {"fleet": self.counts.get("fleet"), "labels": self.counts.get("labels", [])}
        return {"narrowed": self.narrowed, "page": len(self.pages), "size": PAGE, **counts}

    async def do_narrow(self, said: dict) -> None:
        self.narrowed = {name: str(said.get(name, "")).strip() for name in NARROWED_BY}
        await self._from_the_start()

    async def do_only(self, said: dict) -> None:
        """One thing more, or no more, of what a chart shows."""
        name, value = said["name"], said["value"]
        if name in self.narrowed:
            self.narrowed[name] = "" if self.narrowed[name] == value else value
            await self._from_the_start()

    async def do_all(self, said: dict) -> None:
        self.narrowed = dict.fromkeys(NARROWED_BY, "")
        await self._from_the_start()

    async def do_next(self, said: dict) -> None:
        self.pages.append(self.data["devices"]["pageInfo"]["endCursor"])
        await self.load()

    async def do_previous(self, said: dict) -> None:
        if len(self.pages) > 1:
            self.pages.pop()
        await self.load()

    async def _from_the_start(self) -> None:
        self.pages = [None]
        given = {name: value for name, value in self.narrowed.items() if value}
        self.address(f"/devices?{urlencode(given)}" if given else "/devices")
        await self.load()


def filter_of(narrowed: dict[str, str]) -> dict[str, Any]:
    """The API's DeviceFilter."""
    found: dict[str, Any] = {to: narrowed[name] for name, to in _TEXTS.items() if narrowed[name]}
    if narrowed["group"]:
        found["group"] = "" if narrowed["group"] == NO_GROUP else narrowed["group"]
    if narrowed["online"]:
        found["online"] = narrowed["online"] == "yes"
    if narrowed["label"]:
        name, equals, value = narrowed["label"].partition("=")
        found["labels"] = [{"name": name, "value": value if equals else None}]
    return found | {"decommissioned": narrowed["out"] == "yes"}
