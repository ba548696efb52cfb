"""A new campaign. What it would do is asked of the cloud at each change, and said before it starts."""

import re
from typing import Any

from cloud.portal.api import ApiError
from cloud.portal.pages.store import STORES
from cloud.portal.view import View

GROUPS_MAX = 8
_GROUP = re.compile(r"g(\d+)_(\w+)")
FIRST_GROUPS = (
    {"name": "canary", "unit": "devices", "amount": "1", "soak": "0", "rate": "", "confirm": ""},
    {"name": "rest", "unit": "percent", "amount": "100", "soak": "0", "rate": "", "confirm": ""},
)


class WizardView(View):
    template, title = "wizard.html", "New campaign"
    section = ""

    def __init__(self, api, query, kind: str) -> None:
        super().__init__(api, query)
        self.kind, self.store = kind, STORES[kind]
        self.section = self.store["section"]  # type: ignore[misc]
        self.form: dict[str, str] = {
            "release": self.query.get("release", ""), "board": "", "version": "", "group": "", "label": "", "ids": "",
            "success": "100", "error": "10", "retries": "0", "deadline": "", "forced": "", "rollback": "",
        }  # fmt: skip
        self.groups = [dict(each) for each in FIRST_GROUPS]
        self.plan: dict | None = None
        self.wrong = ""

    async def load(self) -> None:
        self.take(await self.api.ask("Wizard", kind=self.kind.upper()))
        offered = [each["digest"] for each in self.data["releases"] if each["status"] != "WITHDRAWN"]
        if self.form["release"] not in offered:
            self.form["release"] = offered[0] if offered else ""
        await self._look()

    def context(self) -> dict:
        return {
            "form": self.form,
            "groups": self.groups,
            "plan": self.plan,
            "wrong": self.wrong,
            "most": GROUPS_MAX,
        }

    async def do_change(self, said: dict) -> None:
        self._take_form(said)
        await self._look()

    async def do_add_group(self, said: dict) -> None:
        last = self.groups[-1]
        new = dict(FIRST_GROUPS[0], name=f"step {len(self.groups)}", unit="percent", amount="10")
        self.groups = [*self.groups[:-1], new, last] if len(self.groups) < GROUPS_MAX else self.groups
        await self._look()

    async def do_drop_group(self, said: dict) -> None:
        number = int(said["number"])
        if len(self.groups) > 1 and number < len(self.groups):
            del self.groups[number]
        await self._look()

    async def do_start(self, said: dict) -> None:
        made = await self.api.change("Create", input=input_of(self.form, self.groups))
        self.go(f"/campaigns/{made['campaign']['id']}")

    def _take_form(self, said: dict) -> None:
        self.form |= {name: str(said.get(name, "")) for name in self.form}
        groups: dict[int, dict[str, str]] = {}
        for name, value in said.items():
            if found := _GROUP.fullmatch(name):
                groups.setdefault(int(found[1]), {})[found[2]] = str(value)
        if groups:
            self.groups = [dict.fromkeys(FIRST_GROUPS[0], "") | groups[n] for n in sorted(groups)]

    async def _look(self) -> None:
        """Try it dry; what is wrong with it is shown beside, and not as a failure of the page."""
        self.plan, self.wrong = None, ""
        if not (self.form["release"] and self.may("OPERATE")):
            return
        try:
            self.plan = await self.api.change("DryRun", input=input_of(self.form, self.groups))
        except ApiError as error:
            self.wrong = str(error)


def input_of(form: dict[str, str], groups: list[dict[str, str]]) -> dict[str, Any]:
    """The API's CampaignInput. Raises ApiError with words for whoever fills the form in."""
    asked: dict[str, Any] = {
        "release": form["release"],
        "filter": _filter(form),
        "groups": [_group(each) for each in groups],
        "successThreshold": _number(form["success"], "the share that has to succeed") / 100,
        "errorThreshold": _number(form["error"], "the share of failures that halts") / 100,
        "retries": int(_number(form["retries"] or "0", "tries again")),
        "forced": form["forced"] == "yes",
        "rollback": form["rollback"] == "yes",
    }
    if form["deadline"]:
        asked["deadlineS"] = int(_number(form["deadline"], "the deadline") * 86400)
    return asked


def _filter(form: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {name: form[name] for name in ("board", "version", "group") if form[name]}
    if form["label"]:
        name, _, value = form["label"].partition("=")
        found["labels"] = [{"name": name, "value": value}]
    if ids := form["ids"].replace(",", " ").split():
        found["ids"] = ids
    return found


def _group(said: dict[str, str]) -> dict[str, Any]:
    amount = _number(said["amount"], f"the size of group {said['name']!r}")
    size = {"count": int(amount)} if said["unit"] == "devices" else {"share": amount / 100}
    group: dict[str, Any] = {"name": said["name"].strip(), "confirm": said["confirm"] == "yes", **size}
    group["soakS"] = int(_number(said["soak"] or "0", "the time to watch") * 60)
    if said["rate"]:
        group["ratePerMin"] = _number(said["rate"], "devices a minute")
    return group


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ApiError(f"{what} is {text!r}: give a number") from None
