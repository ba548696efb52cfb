"""Changes of what is another service's: asked of it, then read back for the answer."""

import re
from datetime import datetime
from typing import Any
from urllib.parse import quote

import strawberry

from cloud.dashboard import loaders
from cloud.dashboard.context import Context
from cloud.dashboard.schema.campaigns import Campaign, campaign_of
from cloud.dashboard.schema.devices import command_of, device_of
from cloud.dashboard.schema.releases import LeftOut, policy_of, release_of
from cloud.dashboard.schema.results import (
    CampaignChanged,
    CampaignPlan,
    ClaimMade,
    CommandsSent,
    DevicesChanged,
    Done,
    JobsRetried,
    PlannedGroup,
    PolicyChanged,
    ReleaseChanged,
    TokenMade,
)
from cloud.dashboard.schema.wanted import CampaignInput, NamedValue, body_of
from cloud.dashboard.schema.words import CommandName, Kind, Role, number
from cloud.web import Refused


async def _ask(context: Context, service: str, path: str, body: Any = None, method: str = "POST") -> dict:
    return await context.state.services.ask(service, method, path, context.token, body)


def _part(text: str) -> str:
    """Of a path."""
    if not text or text in (".", ".."):
        raise Refused(404, f"there is nothing named {text!r}")
    return quote(text, safe="")


# Campaigns -----------------------------------------------------------------------------------------------------------


async def plan(context: Context, asked: CampaignInput) -> CampaignPlan:
    found = await _ask(context, "ota", "/v1/campaigns/dry-run", body_of(asked))
    groups = [PlannedGroup(**each) for each in found["groups"]]
    left_out = [LeftOut(**each) for each in found["left_out"]]
    return CampaignPlan(**(found | {"groups": groups, "left_out": left_out}))


async def create_campaign(context: Context, asked: CampaignInput) -> CampaignChanged:
    made = await _ask(context, "ota", "/v1/campaigns", body_of(asked))
    return CampaignChanged(campaign=await _campaign(context, made["id"]))


async def move_campaign(context: Context, identifier: str, action: str, why: str) -> CampaignChanged:
    await _ask(context, "ota", f"/v1/campaigns/{_campaign_id(identifier)}/{action}", {"why": why})
    return CampaignChanged(campaign=await _campaign(context, number(identifier)))


async def approve_campaign(context: Context, identifier: str, digest: str, why: str) -> CampaignChanged:
    body = {"digest": digest, "why": why}
    await _ask(context, "ota", f"/v1/campaigns/{_campaign_id(identifier)}/approve", body)
    return CampaignChanged(campaign=await _campaign(context, number(identifier)))


async def retry_campaign(context: Context, identifier: str, why: str) -> JobsRetried:
    done = await _ask(context, "ota", f"/v1/campaigns/{_campaign_id(identifier)}/retry", {"why": why})
    return JobsRetried(campaign=await _campaign(context, number(identifier)), jobs=done["jobs"])


def _campaign_id(identifier: str) -> int:
    if found := number(identifier):
        return found
    raise Refused(404, f"there is no campaign {identifier!r}")


async def _campaign(context: Context, campaign: int) -> Campaign:
    return campaign_of(await context.loaders.campaigns.load(campaign))


# Releases ------------------------------------------------------------------------------------------------------------


async def move_release(context: Context, digest: str, action: str, why: str) -> ReleaseChanged:
    done = await _ask(context, "ota", f"/v1/releases/{_digest(digest)}/{action}", {"why": why})
    release = release_of(await context.loaders.releases.load(digest))
    return ReleaseChanged(release=release, aborted=[strawberry.ID(str(each)) for each in done["aborted"]])


async def set_policy(context: Context, kind: Kind, approvals: int, promoted_only: bool) -> PolicyChanged:
    body = {"approvals": approvals, "promoted_only": promoted_only}
    return PolicyChanged(
        policy=policy_of(await _ask(context, "ota", f"/v1/policies/{kind.value}", body, "PUT"))
    )


def _digest(text: str) -> str:
    if re.fullmatch(r"[0-9a-f]{64}", text):
        return text
    raise Refused(404, f"there is no release {text[:64]!r}")


# Devices -------------------------------------------------------------------------------------------------------------


async def send_command(
    context: Context, ids: list[strawberry.ID], command: CommandName, expires_s: int
) -> CommandsSent:
    body = {"ids": ids, "command": command.value, "expires_s": expires_s}
    made = (await _ask(context, "registration", "/v1/commands", body))["commands"]
    rows = await context.rows(
        f"{loaders.COMMANDS} WHERE id = ANY(%s) ORDER BY device_id", [list(made.values())]
    )
    return CommandsSent(commands=[command_of(row) for row in rows])


async def configure(
    context: Context, ids: list[strawberry.ID], settings: Any, version: int | None
) -> DevicesChanged:
    body = {"ids": ids, "settings": settings} | ({"version": version} if version is not None else {})
    return await _change(context, "/v1/configs", ids, body)


async def label(
    context: Context, ids: list[strawberry.ID], on: list[NamedValue], off: list[str]
) -> DevicesChanged:
    return await mark(context, ids, {"labels": {each.name: each.value for each in on} | dict.fromkeys(off)})


async def mark(context: Context, ids: list[strawberry.ID], marks: dict) -> DevicesChanged:
    return await _change(context, "/v1/marks", ids, {"ids": ids, **marks})


async def revoke(
    context: Context, ids: list[strawberry.ID], serials: list[strawberry.ID], why: str
) -> DevicesChanged:
    return await _change(context, "/v1/revocations", ids, {"ids": ids, "serials": serials, "why": why})


async def decommission(context: Context, ids: list[strawberry.ID], why: str) -> DevicesChanged:
    return await _change(context, "/v1/decommissions", ids, {"ids": ids, "why": why})


async def unpark(context: Context, device: str, digest: str) -> DevicesChanged:
    await _ask(context, "ota", f"/v1/parked/{_part(device)}/{_digest(digest)}", method="DELETE")
    return await _devices(context, [device])


async def create_claim(context: Context, device: str | None, board: str | None, group: str) -> ClaimMade:
    body = {"device_id": device, "board": board, "group": group}
    made = await _ask(context, "registration", "/v1/claims", body)
    return ClaimMade(token=made["token"], expires_at=_time(made["expires"]))


async def _change(context: Context, path: str, ids: list[strawberry.ID], body: dict) -> DevicesChanged:
    await _ask(context, "registration", path, body)
    return await _devices(context, ids)


async def _devices(context: Context, ids: list) -> DevicesChanged:
    rows = await context.loaders.devices.load_many(sorted(set(ids)))
    return DevicesChanged(devices=[device_of(row) for row in rows if row])


# Tokens --------------------------------------------------------------------------------------------------------------


async def create_token(context: Context, name: str, role: Role, days: int | None) -> TokenMade:
    body = {"name": name, "role": role.value} | ({"days": days} if days is not None else {})
    made = await _ask(context, "registration", "/v1/tokens", body)
    expires = _time(made["expires"]) if made["expires"] else None
    return TokenMade(token=made["token"], name=name, role=role, expires_at=expires)


async def revoke_token(context: Context, name: str) -> Done:
    await _ask(context, "registration", f"/v1/tokens/{_part(name)}", method="DELETE")
    return Done()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
