"""What mutations give: what they were for, or a Problem."""

from datetime import datetime

import strawberry

from cloud.dashboard.schema.campaigns import Campaign
from cloud.dashboard.schema.devices import Command, Device
from cloud.dashboard.schema.people import Me, User
from cloud.dashboard.schema.problems import result
from cloud.dashboard.schema.releases import LeftOut, Policy, Release
from cloud.dashboard.schema.words import Role


@strawberry.type(
    description="`token` is a bearer token for this API and for every service; it is shown once."
)
class SignedIn:
    token: str
    expires_at: datetime
    me: Me


@strawberry.type
class Done:
    done: bool = True


@strawberry.type
class UserChanged:
    user: User


@strawberry.type(description="`token` signs that user in, once: signInWithLink.")
class LinkMade:
    token: str
    user: str
    expires_at: datetime


@strawberry.type(description="It is shown once.")
class TokenMade:
    token: str
    name: str
    role: Role
    expires_at: datetime | None


@strawberry.type
class PlannedGroup:
    name: str
    size: int
    hours: float | None = strawberry.field(description="What its rate alone takes; null: it has none.")


@strawberry.type(description="What a campaign would find in the fleet now.")
class CampaignPlan:
    release: str
    devices: int
    not_in_a_group: int
    approvals: int = strawberry.field(description="Of others, that it would wait for.")
    groups: list[PlannedGroup]
    left_out: list[LeftOut]


@strawberry.type
class CampaignChanged:
    campaign: Campaign


@strawberry.type
class JobsRetried:
    campaign: Campaign
    jobs: int


@strawberry.type(description="`aborted` are the campaigns that ended with it.")
class ReleaseChanged:
    release: Release
    aborted: list[strawberry.ID]


@strawberry.type
class PolicyChanged:
    policy: Policy


@strawberry.type
class DevicesChanged:
    devices: list[Device]


@strawberry.type
class CommandsSent:
    commands: list[Command]


@strawberry.type
class ClaimMade:
    token: str
    expires_at: datetime


SignInResult = result("SignInResult", SignedIn)
DoneResult = result("DoneResult", Done)
UserResult = result("UserResult", UserChanged)
LinkResult = result("LinkResult", LinkMade)
TokenResult = result("TokenResult", TokenMade)
PlanResult = result("PlanResult", CampaignPlan)
CampaignResult = result("CampaignResult", CampaignChanged)
RetryResult = result("RetryResult", JobsRetried)
ReleaseResult = result("ReleaseResult", ReleaseChanged)
PolicyResult = result("PolicyResult", PolicyChanged)
DevicesResult = result("DevicesResult", DevicesChanged)
CommandsResult = result("CommandsResult", CommandsSent)
ClaimResult = result("ClaimResult", ClaimMade)
