"""What can be changed. Who may is in cloud/dashboard/rights.py; what is another service's is asked of that service."""

import strawberry
from strawberry.scalars import JSON

from cloud.dashboard import changing, people
from cloud.dashboard.context import Info
from cloud.dashboard.rights import change
from cloud.dashboard.schema.results import (
    CampaignResult,
    ClaimResult,
    CommandsResult,
    DevicesResult,
    DoneResult,
    LinkResult,
    PlanResult,
    PolicyResult,
    ReleaseResult,
    RetryResult,
    SignInResult,
    TokenResult,
    UserResult,
)
from cloud.dashboard.schema.wanted import CampaignInput, NamedValue
from cloud.dashboard.schema.words import CommandName, Kind, Role, Why

ID = strawberry.ID
COMMAND_EXPIRES_S = 3600


@strawberry.type
class Mutation:
    # People -----------------------------------------------------------------------------------------------------

    @change()
    async def sign_in(self, info: Info, name: str, password: str) -> SignInResult:
        return await people.sign_in(info.context, name, password)

    @change("`token` as createSignInLink made it; it works once.")
    async def sign_in_with_link(self, info: Info, token: str) -> SignInResult:
        return await people.sign_in_with_link(info.context, token)

    @change("The caller's session ends.")
    async def sign_out(self, info: Info) -> DoneResult:
        return await people.sign_out(info.context)

    @change("One's own. All other sessions of the user end.")
    async def change_password(self, info: Info, old: str, new: str) -> DoneResult:
        return await people.change_password(info.context, old, new)

    @change("Without a password: the user signs in by link, or by the identity provider.")
    async def create_user(self, info: Info, name: str, role: Role, password: str | None = None) -> UserResult:
        return await people.create_user(info.context, name, role.value, password)

    @change("What is left out stays. A user who is disabled is signed out at once.")
    async def change_user(
        self,
        info: Info,
        name: str,
        role: Role | None = None,
        password: str | None = None,
        disabled: bool | None = None,
    ) -> UserResult:
        return await people.change_user(info.context, name, role and role.value, password, disabled)

    @change()
    async def create_sign_in_link(self, info: Info, user: str) -> LinkResult:
        return await people.create_link(info.context, user)

    @change("A bearer token for a program, such as continuous integration.")
    async def create_token(self, info: Info, name: str, role: Role, days: int | None = None) -> TokenResult:
        return await changing.create_token(info.context, name, role, days)

    @change()
    async def revoke_token(self, info: Info, name: str) -> DoneResult:
        return await changing.revoke_token(info.context, name)

    # Campaigns --------------------------------------------------------------------------------------------------

    @change("What a campaign would find now; nothing is kept.")
    async def dry_run_campaign(self, info: Info, input: CampaignInput) -> PlanResult:
        return await changing.plan(info.context, input)

    @change("It runs at once, or is PENDING until others have approved it.")
    async def create_campaign(self, info: Info, input: CampaignInput) -> CampaignResult:
        return await changing.create_campaign(info.context, input)

    @change()
    async def pause_campaign(self, info: Info, id: ID, why: Why = "") -> CampaignResult:
        return await changing.move_campaign(info.context, id, "pause", why)

    @change()
    async def resume_campaign(self, info: Info, id: ID, why: Why = "") -> CampaignResult:
        return await changing.move_campaign(info.context, id, "resume", why)

    @change()
    async def abort_campaign(self, info: Info, id: ID, why: Why = "") -> CampaignResult:
        return await changing.move_campaign(info.context, id, "abort", why)

    @change("`digest` is of the release that was looked at; it must be the campaign's.")
    async def approve_campaign(self, info: Info, id: ID, digest: ID, why: Why = "") -> CampaignResult:
        return await changing.approve_campaign(info.context, id, digest, why)

    @change("Failed and timed out jobs once more, but for parked devices.")
    async def retry_campaign(self, info: Info, id: ID, why: Why = "") -> RetryResult:
        return await changing.retry_campaign(info.context, id, why)

    # Releases ---------------------------------------------------------------------------------------------------

    @change()
    async def promote_release(self, info: Info, digest: ID, why: Why = "") -> ReleaseResult:
        return await changing.move_release(info.context, digest, "promote", why)

    @change("For good: its live campaigns are aborted.")
    async def withdraw_release(self, info: Info, digest: ID, why: Why = "") -> ReleaseResult:
        return await changing.move_release(info.context, digest, "withdraw", why)

    @change("What campaigns with releases of this kind need from now on.")
    async def set_policy(self, info: Info, kind: Kind, approvals: int, promoted_only: bool) -> PolicyResult:
        return await changing.set_policy(info.context, kind, approvals, promoted_only)

    # Devices ----------------------------------------------------------------------------------------------------

    @change()
    async def send_command(
        self, info: Info, ids: list[ID], command: CommandName, expires_s: int = COMMAND_EXPIRES_S
    ) -> CommandsResult:
        return await changing.send_command(info.context, ids, command, expires_s)

    @change(
        "Merged into what was desired; null lets a device keep what it has. With `version`: only if it is that."
    )
    async def configure_devices(
        self, info: Info, ids: list[ID], settings: JSON, version: int | None = None
    ) -> DevicesResult:
        return await changing.configure(info.context, ids, settings, version)

    @change("`off` are names of labels to be taken off.")
    async def label_devices(
        self, info: Info, ids: list[ID], on: list[NamedValue] | None = None, off: list[str] | None = None
    ) -> DevicesResult:
        return await changing.label(info.context, ids, on or [], off or [])

    @change("An empty name: into none.")
    async def group_devices(self, info: Info, ids: list[ID], group: str) -> DevicesResult:
        return await changing.mark(info.context, ids, {"group": group})

    @change("Without `serials`: all certificates that the devices have.")
    async def revoke_devices(
        self, info: Info, ids: list[ID], serials: list[ID] | None = None, why: Why = ""
    ) -> DevicesResult:
        return await changing.revoke(info.context, ids, serials or [], why)

    @change("Out of service for good. A new claim takes a device back.")
    async def decommission_devices(self, info: Info, ids: list[ID], why: Why = "") -> DevicesResult:
        return await changing.decommission(info.context, ids, why)

    @change("Its failures of this release are forgotten: a campaign may try it again.")
    async def unpark_device(self, info: Info, id: ID, digest: ID) -> DevicesResult:
        return await changing.unpark(info.context, id, digest)

    @change("A token with which one device enrols once.")
    async def create_claim(
        self, info: Info, device: ID | None = None, board: str | None = None, group: str = ""
    ) -> ClaimResult:
        return await changing.create_claim(info.context, device, board, group)
