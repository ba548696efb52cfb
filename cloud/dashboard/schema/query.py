"""What can be asked. Who may is in cloud/dashboard/rights.py."""

from typing import Annotated, Any

import strawberry

from cloud.dashboard import fleet as fleets
from cloud.dashboard import people as persons
from cloud.dashboard import reads
from cloud.dashboard.context import Info
from cloud.dashboard.schema.campaigns import Campaign, Job, campaign_of, job_of
from cloud.dashboard.schema.devices import Device, device_of, event_of
from cloud.dashboard.schema.fleet import DeviceFilter, Fleet, LabelCount
from cloud.dashboard.schema.logs import AuditEntry, Event
from cloud.dashboard.schema.pages import (
    FIRST,
    After,
    Connection,
    First,
    key_of,
    number_of,
    page,
    size_of,
)
from cloud.dashboard.schema.people import ApiToken, Me, User, token_of, user_of
from cloud.dashboard.schema.releases import Policy, Release, policy_of, release_of
from cloud.dashboard.schema.words import CampaignStatus, Kind, ReleaseStatus, number, text

RELEASES_MAX = 500


@strawberry.type
class Counted:
    count: int
    exact: bool = strawberry.field(description="False: there are more than were counted.")


@strawberry.type
class Query:
    @strawberry.field
    async def me(self, info: Info) -> Me:
        return await persons.me(info.context)

    @strawberry.field
    async def fleet(self, info: Info) -> Fleet:
        return await fleets.counted(info.context.state)

    @strawberry.field(description="In order of their ids.")
    async def devices(
        self, info: Info, filter: DeviceFilter | None = None, first: First = FIRST, after: After = None
    ) -> Connection[Device]:
        rows = await fleets.listed(info.context, filter or DeviceFilter(), key_of(after), size_of(first))
        return page(rows, first, device_of, lambda row: row["id"])

    @strawberry.field(
        description=f"How many a list of devices has in all, counted up to {fleets.COUNTED_MAX}."
    )
    async def devices_counted(self, info: Info, filter: DeviceFilter | None = None) -> Counted:
        found = await fleets.how_many(info.context, filter or DeviceFilter())
        return Counted(count=min(found, fleets.COUNTED_MAX), exact=found <= fleets.COUNTED_MAX)

    @strawberry.field
    async def device(self, info: Info, id: strawberry.ID) -> Device | None:
        row = await info.context.loaders.devices.load(text(id))
        return device_of(row) if row else None

    @strawberry.field(
        description="The labels that there are, counted with the fleet; the most frequent first."
    )
    async def labels(self, info: Info) -> list[LabelCount]:
        return await info.context.state.fleet.labels()

    @strawberry.field(description="The newest first.")
    async def releases(
        self, info: Info, kind: Kind | None = None, status: ReleaseStatus | None = None
    ) -> list[Release]:
        params = {"kind": kind and kind.value, "status": status and status.value, "limit": RELEASES_MAX}
        return [
            release_of(row)
            for row in await info.context.rows(f"{reads.RELEASES} {reads.RELEASES_OF}", params)
        ]

    @strawberry.field
    async def release(self, info: Info, digest: strawberry.ID) -> Release | None:
        row = await info.context.loaders.releases.load(text(digest))
        return release_of(row) if row else None

    @strawberry.field
    async def policies(self, info: Info) -> list[Policy]:
        return [policy_of(row) for row in await info.context.rows("SELECT * FROM policies ORDER BY kind")]

    @strawberry.field(description="The newest first.")
    async def campaigns(
        self,
        info: Info,
        kind: Kind | None = None,
        status: list[CampaignStatus] | None = None,
        first: First = FIRST,
        after: After = None,
    ) -> Connection[Campaign]:
        params: dict[str, Any] = {
            "kind": kind and kind.value,
            "statuses": [each.value for each in status] if status else None,
        }
        params |= {"before": number_of(after), "limit": size_of(first)}
        rows = await info.context.rows(reads.CAMPAIGNS, params)
        return page(rows, first, campaign_of, lambda row: row["id"])

    @strawberry.field
    async def campaign(self, info: Info, id: strawberry.ID) -> Campaign | None:
        row = await info.context.loaders.campaigns.load(number(id))
        return campaign_of(row) if row else None

    @strawberry.field(description="Of all campaigns, the newest first.")
    async def jobs(self, info: Info, first: First = FIRST, after: After = None) -> Connection[Job]:
        params = {"before": number_of(after), "limit": size_of(first)}
        return page(await info.context.rows(reads.ALL_JOBS, params), first, job_of, lambda row: row["id"])

    @strawberry.field(description="Of the whole fleet, the newest first.")
    async def events(
        self, info: Info, kind: str | None = None, first: First = FIRST, after: After = None
    ) -> Connection[Event]:
        params = {"kind": text(kind), "before": number_of(after), "limit": size_of(first)}
        return page(await info.context.rows(reads.EVENTS, params), first, event_of, lambda row: row["id"])

    @strawberry.field(description="The newest first.")
    async def audit(
        self,
        info: Info,
        who: str | None = None,
        what: Annotated[str | None, strawberry.argument(description="Begins so: `campaign.`")] = None,
        subject: Annotated[str | None, strawberry.argument(description="campaign:7, device:ID, ...")] = None,
        people: Annotated[
            bool, strawberry.argument(description="Leave out devices and the scheduler.")
        ] = False,
        first: First = FIRST,
        after: After = None,
    ) -> Connection[AuditEntry]:
        statement, params = reads.audit(text(who), text(what), text(subject), people)
        params |= {"before": number_of(after), "limit": size_of(first)}
        rows = await info.context.rows(statement, params)
        return page(rows, first, lambda row: AuditEntry(**row), lambda row: row["id"])

    @strawberry.field
    async def users(self, info: Info) -> list[User]:
        return [user_of(row) for row in await info.context.rows(persons.USERS, [info.context.state.clock()])]

    @strawberry.field
    async def tokens(self, info: Info) -> list[ApiToken]:
        return [token_of(row) for row in await info.context.rows(persons.TOKENS)]
