"""People: who may sign in, how, and as what; and the tokens that programs come with. For admins alone."""

from datetime import UTC, datetime

from cloud.portal.view import View
from cloud.portal.words import moment

ROLES = {
    "VIEWER": "Sees everything, changes nothing",
    "OPERATOR": "Uploads, makes campaigns, sends commands",
    "APPROVER": "That, and approves campaigns of others",
    "ADMIN": "That, and manages people and policies",
}
ROLE_TONES = {
    "VIEWER": "calm",
    "OPERATOR": "info",
    "APPROVER": "violet",
    "ADMIN": "orange",
    "PUBLISHER": "good",
}
PROGRAMS = {"PUBLISHER": "Publishes releases, and reads nothing", **ROLES}
DAYS = {"30": "30 days", "90": "90 days", "365": "A year", "": "No end"}


class PeopleView(View):
    template, section, title = "people.html", "people", "People"
    refresh_s = 5.0

    def __init__(self, api, query) -> None:
        super().__init__(api, query)
        self.once: dict = {}  # what is shown once: a link or a token, until its dialog is closed

    async def load(self) -> None:
        self.take(await self.api.ask("People"))

    def watch(self) -> tuple[str, dict]:
        return "Anything", {}

    def context(self) -> dict:
        return {
            "roles": ROLES,
            "programs": PROGRAMS,
            "days": DAYS,
            "role_tones": ROLE_TONES,
            "once": self.once,
            "status": status_of,
        }

    async def do_new_user(self, said: dict) -> None:
        name = said["name"].strip()
        await self.api.change("NewUser", name=name, role=said["role"], password=said["password"] or None)
        if said["password"]:
            await self._done(f"{name} can sign in.")
        else:
            await self._show_link(name)

    async def do_change(self, said: dict) -> None:
        name, changed = said["name"], {part: said[part] for part in ("role", "password") if said.get(part)}
        await self.api.change("ChangeUser", name=name, **changed)
        signed_out = ", and signed out everywhere" if said["password"] else ""
        await self._done(f"{name} is changed{signed_out}.")

    async def do_disable(self, said: dict) -> None:
        await self.api.change("ChangeUser", name=said["name"], disabled=True)
        await self._done(f"{said['name']} is signed out, and can't sign in.")

    async def do_enable(self, said: dict) -> None:
        await self.api.change("ChangeUser", name=said["name"], disabled=False)
        await self._done(f"{said['name']} can sign in again.")

    async def do_link(self, said: dict) -> None:
        await self._show_link(said["name"])

    async def do_new_token(self, said: dict) -> None:
        name = said["name"].strip()
        days = int(said["days"]) if said["days"] else None
        made = await self.api.change("NewToken", name=name, role=said["role"], days=days)
        await self._show_once(f"The token of {name}", "A program sends it as a bearer token.", made["token"])

    async def do_revoke(self, said: dict) -> None:
        await self.api.change("RevokeToken", name=said["name"])
        await self._done(f"The token {said['name']} opens nothing any more.")

    async def do_close(self, said: dict) -> None:
        self.asked, self.once = "", {}

    async def _show_link(self, name: str) -> None:
        made = await self.api.change("NewLink", user=name)
        until = f"It signs {name} in once, within 15 minutes."
        await self._show_once(f"A link for {name}", until, f"{self.api.portal_url}/link/{made['token']}")

    async def _show_once(self, title: str, words: str, secret: str) -> None:
        self.once = {"title": title, "words": words, "secret": secret}
        self.asked = "once"
        await self.load()

    async def _done(self, words: str) -> None:
        self.asked = ""
        self.say(words)
        await self.load()


def status_of(token: dict) -> tuple[str, str]:
    """(word, tone)."""
    if token["revokedAt"]:
        return "Revoked", "bad"
    if token["expiresAt"] and moment(token["expiresAt"]) <= datetime.now(UTC):
        return "Ran out", "warn"
    return "In force", "good"
