"""One device: what it is doing, its history, what it was told, and what can be done to it."""

import json

from cloud.portal.api import ApiError
from cloud.portal.view import View

HOURS = {"6": "6 h", "24": "24 h", "168": "7 days"}
COMMANDS = {
    "IDENTIFY": ("lightbulb", "Identify", "The device blinks and buzzes, so that it can be found."),
    "REBOOT": ("restart_alt", "Reboot", "When it is idle; a recording is not cut off."),
    "SEND_LOG": ("article", "Send log", "Its last log lines, as the command's result."),
    "ROTATE_CERT": (
        "key",
        "Rotate certificate",
        "A new key and certificate; the old one ends when the new one was used.",
    ),
}


class DeviceView(View):
    template, section = "device.html", "devices"

    def __init__(self, api, query, device: str) -> None:
        super().__init__(api, query)
        self.device = self.title = device
        self.hours = query.get("hours", "24") if query.get("hours", "24") in HOURS else "24"

    async def load(self) -> None:
        self.take(await self.api.ask("Device", id=self.device, hours=float(self.hours)))

    def watch(self) -> tuple[str, dict]:
        return "DeviceChanged", {"ids": [self.device]}

    def context(self) -> dict:
        return {"hours": self.hours, "choices": HOURS, "commands_there": COMMANDS}

    async def do_hours(self, said: dict) -> None:
        self.hours = said["hours"] if said["hours"] in HOURS else "24"
        await self.load()

    async def do_command(self, said: dict) -> None:
        await self.api.change("Command", ids=[self.device], command=said["command"])
        self.say(f"{COMMANDS[said['command']][1]}: asked. The answer will be listed under commands.")
        await self.load()

    async def do_mark(self, said: dict) -> None:
        """Its group and labels, as the dialog has them."""
        labels = labels_of(said["labels"])
        had = {each["name"]: each["value"] for each in self.data["device"]["labels"]}
        if said["group"].strip() != self.data["device"]["group"]:
            await self.api.change("Group", ids=[self.device], group=said["group"].strip())
        off = [name for name in had if name not in labels]
        on = [{"name": name, "value": value} for name, value in labels.items() if had.get(name) != value]
        if on or off:
            await self.api.change("Label", ids=[self.device], on=on, off=off)
        await self._done("Group and labels are kept.")

    async def do_configure(self, said: dict) -> None:
        name = said["name"].strip()
        await self.api.change("Configure", ids=[self.device], settings={name: setting_of(said["value"])})
        await self._done(f"{name} is desired; the device says below what became of it.")

    async def do_revoke(self, said: dict) -> None:
        await self.api.change("Revoke", ids=[self.device], why=said["why"])
        await self._done("Its certificates are revoked.")

    async def do_decommission(self, said: dict) -> None:
        await self.api.change("Decommission", ids=[self.device], why=said["why"])
        await self._done(f"{self.device} is out of service.")

    async def _done(self, words: str) -> None:
        self.asked = ""
        self.say(words)
        await self.load()


def labels_of(text: str) -> dict[str, str]:
    """NAME=VALUE, one a line or with commas between."""
    pairs = [each.strip().partition("=") for each in text.replace("\n", ",").split(",") if each.strip()]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise ApiError(f"{wrong[0]!r} is no label: write name=value")
    return {name.strip(): value.strip() for name, _, value in pairs}


def setting_of(text: str) -> object:
    """As JSON if it is some; else a text. Nothing: the device keeps what it has."""
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
