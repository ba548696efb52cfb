"""Firmware and the app store: releases, their upload, and the campaigns that bring them; and one release."""

import json

from cloud.portal.view import View

STORES = {
    "runtime": {
        "section": "firmware",
        "title": "Firmware",
        "path": "/firmware",
        "what": "MicroPython runtimes and what is frozen into them",
    },
    "app": {
        "section": "apps",
        "title": "App store",
        "path": "/apps",
        "what": "Releases of the application that runs on the devices",
    },
}


class StoreView(View):
    template = "store.html"
    section = ""
    refresh_s = 0.5

    def __init__(self, api, query, kind: str) -> None:
        super().__init__(api, query)
        self.kind, self.store = kind, STORES[kind]
        self.section, self.title = self.store["section"], self.store["title"]  # type: ignore[misc]
        self.after: str | None = None

    async def load(self) -> None:
        self.take(await self.api.ask("Store", kind=self.kind.upper(), after=self.after))

    def watch(self) -> tuple[str, dict]:
        return "Anything", {}

    async def do_uploaded(self, said: dict) -> None:
        answer = _read(said["text"])
        if said["status"] == 201:
            where = STORES[answer["kind"]]["title"]
            self.say(f"{answer['name']} {answer['version']} is in {where}; its signature is good.")
            await self.load()
        else:
            self.say(f"{said['name']} was refused: {answer.get('error') or 'the upload was cut off'}", "bad")

    async def do_older(self, said: dict) -> None:
        self.after = self.data["campaigns"]["pageInfo"]["endCursor"]
        await self.load()

    async def do_newest(self, said: dict) -> None:
        self.after = None
        await self.load()


class ReleaseView(View):
    template, section = "release.html", "apps"

    def __init__(self, api, query, digest: str) -> None:
        super().__init__(api, query)
        self.digest, self.title = digest, "Release"

    async def load(self) -> None:
        self.take(await self.api.ask("Release", digest=self.digest))
        if release := self.data["release"]:
            self.section = STORES[release["kind"].lower()]["section"]  # type: ignore[misc]

    def watch(self) -> tuple[str, dict]:
        return "Anything", {}

    def context(self) -> dict:
        return {"stores": STORES}

    async def do_promote(self, said: dict) -> None:
        await self.api.change("Promote", digest=self.digest, why=said["why"])
        self.asked = ""
        self.say("Promoted.")
        await self.load()

    async def do_withdraw(self, said: dict) -> None:
        await self.api.change("Withdraw", digest=self.digest, why=said["why"])
        self.asked = ""
        self.say("Withdrawn; nobody gets it any more.")
        await self.load()


def _read(text: str) -> dict:
    try:
        return json.loads(text)
    except ValueError:
        return {}
