"""One campaign: how far each group is, what failed and why, and pause, resume, abort and approve within reach."""

from cloud.portal.view import View

ENDED_BADLY = ("FAILED", "TIMED_OUT", "REJECTED")
LISTS = {
    "": ("All", None),
    "going": ("Under way", ["QUEUED", "IN_PROGRESS"]),
    "failed": ("Failed", list(ENDED_BADLY)),
    "done": ("Succeeded", ["SUCCEEDED"]),
}
DONE = {
    "pause": "Paused: no new jobs are handed out.",
    "resume": "Running again.",
    "abort": "Aborted.",
    "retry": "Failed jobs are tried again.",
}


class CampaignView(View):
    template, section = "campaign.html", "apps"

    def __init__(self, api, query, number: str) -> None:
        super().__init__(api, query)
        self.number, self.title = number, f"Campaign {number}"
        self.list, self.pages = "", [None]

    async def load(self) -> None:
        variables = {"id": self.number, "status": LISTS[self.list][1], "after": self.pages[-1]}
        self.take(await self.api.ask("Campaign", **variables))
        if campaign := self.data["campaign"]:
            self.section = "apps" if campaign["kind"] == "APP" else "firmware"  # type: ignore[misc]

    def watch(self) -> tuple[str, dict]:
        return "CampaignChanged", {"id": self.number}

    def context(self) -> dict:
        return {"lists": LISTS, "list": self.list, "page": len(self.pages), "outcomes": outcomes}

    async def do_list(self, said: dict) -> None:
        self.list, self.pages = said["list"] if said["list"] in LISTS else "", [None]
        await self.load()

    async def do_next(self, said: dict) -> None:
        self.pages.append(self.data["campaign"]["jobs"]["pageInfo"]["endCursor"])
        await self.load()

    async def do_previous(self, said: dict) -> None:
        if len(self.pages) > 1:
            self.pages.pop()
        await self.load()

    async def do_move(self, said: dict) -> None:
        await self.api.change(said["move"].capitalize(), id=self.number, why=said.get("why", ""))
        await self._done(DONE[said["move"]])

    async def do_approve(self, said: dict) -> None:
        """Of the release that the page has shown."""
        digest = self.data["campaign"]["releaseDigest"]
        await self.api.change("Approve", id=self.number, digest=digest, why=said.get("why", ""))
        await self._done("Approved.")

    async def _done(self, words: str) -> None:
        self.asked = ""
        self.say(words)
        await self.load()


def outcomes(jobs: dict) -> list[tuple[str, int, str]]:
    """(word, how many, tone) of a group's jobs, in the order of a bar."""
    failed = jobs["failed"] + jobs["timedOut"] + jobs["rejected"]
    return [
        ("succeeded", jobs["succeeded"], "good"),
        ("under way", jobs["inProgress"], "info"),
        ("queued", jobs["queued"], "calm"),
        ("taken back", jobs["removed"] + jobs["canceled"], "violet"),
        ("failed", failed, "bad"),
    ]
