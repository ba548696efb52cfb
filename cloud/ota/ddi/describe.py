"""The JSON bodies that hawkBit's clients read."""

import random

from starlette.datastructures import State

from cloud.ota.ddi.access import Controller
from cloud.ota.ddi.actions import Action
from cloud.ota.ddi.artifacts import Artifact, artifacts_of

SPREAD = 0.2  # of the poll time, so that a fleet that starts at once doesn't stay together
PARTS = {"app": "bApp", "runtime": "os"}  # as hawkBit names an application and what it runs on
LINKS = {"deploy": "deploymentBase", "confirm": "confirmationBase", "cancel": "cancelAction"}


def link(href: str) -> dict:
    return {"href": href}


def sleep_time(poll_s: int) -> str:
    """HH:MM:SS around `poll_s`, at least a second: clients take 0 for a default of their own."""
    seconds = max(1, round(poll_s * random.uniform(1 - SPREAD, 1 + SPREAD)))
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def base(controller: Controller, action: Action | None, installed: Action | None, poll_s: int) -> dict:
    """The answer to a poll. A link that is missing says that there is nothing of the kind."""
    links = {}
    if action:
        name = LINKS[action.handling]
        links[name] = link(f"{controller.base}/{name}/{action.id}")
    if installed:
        links["installedBase"] = link(f"{controller.base}/installedBase/{installed.id}")
    if controller.wants_attributes:
        links["configData"] = link(f"{controller.base}/configData")
    return {"config": {"polling": {"sleep": sleep_time(poll_s)}}, "_links": links}


async def deployment(state: State, controller: Controller, action: Action) -> dict:
    """`attempt` leaves the moment to the device, `forced` does not."""
    how = "forced" if action.forced else "attempt"
    artifact = await artifacts_of(state).of(action)
    chunk = {
        "part": PARTS[action.kind],
        "version": action.version,
        "name": action.name,
        "artifacts": [described(state, controller, action, artifact)],
    }
    return {"download": how, "update": how, "chunks": [chunk]}


def described(state: State, controller: Controller, action: Action, artifact: Artifact) -> dict:
    """With the links of a download here, or at the store if the device can do with another host and its CA."""
    url = f"{controller.base}/softwaremodules/{action.digest}/artifacts/{artifact.filename}"
    stored = controller.downloads == "store"
    download = state.objects.presign(artifact.object_key, state.live["url_life_s"]) if stored else url
    return {
        "filename": artifact.filename,
        "hashes": {"sha1": artifact.sha1, "md5": artifact.md5, "sha256": artifact.sha256},
        "size": artifact.size,
        "_links": {"download": link(download), "md5sum": link(f"{url}.MD5SUM")},
    }
