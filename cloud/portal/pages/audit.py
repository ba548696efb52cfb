"""The audit log: who did what to what, with what it was from and to."""

from urllib.parse import urlencode

from cloud.portal.view import View

NARROWED_BY = ("who", "what", "subject", "people")
KINDS = {
    "campaign.": "Campaigns",
    "release.": "Releases",
    "device.": "Devices",
    "command.": "Commands",
    "job.": "Jobs",
    "user.": "Users",
    "token.": "Tokens",
}


class AuditView(View):
    template, section, title = "audit.html", "audit", "Audit"
    refresh_s = 1.0

    def __init__(self, api, query) -> None:
        super().__init__(api, query)
        self.narrowed = {name: self.query.get(name, "") for name in NARROWED_BY}
        self.narrowed["people"] = self.query.get("people", "yes")
        self.pages: list[str | None] = [None]

    async def load(self) -> None:
        said = self.narrowed
        texts = {name: said[name] or None for name in ("who", "what", "subject")}
        self.take(await self.api.ask("Audit", **texts, people=said["people"] == "yes", after=self.pages[-1]))

    def watch(self) -> tuple[str, dict]:
        return "Anything", {}

    def context(self) -> dict:
        return {"narrowed": self.narrowed, "kinds": KINDS, "page": len(self.pages)}

    async def do_narrow(self, said: dict) -> None:
        self.narrowed = {name: str(said.get(name, "")).strip() for name in NARROWED_BY}
        self.pages = [None]
        self.address(f"/audit?{urlencode({**self.narrowed, 'people': self.narrowed['people'] or 'no'})}")
        await self.load()

    async def do_next(self, said: dict) -> None:
        self.pages.append(self.data["audit"]["pageInfo"]["endCursor"])
        await self.load()

    async def do_previous(self, said: dict) -> None:
        if len(self.pages) > 1:
            self.pages.pop()
        await self.load()
