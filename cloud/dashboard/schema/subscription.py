"""What can be followed live. Each gives what is there now at once, and again when it has changed."""

from collections.abc import AsyncGenerator

import strawberry

from cloud.dashboard import fleet, following
from cloud.dashboard.context import Info
from cloud.dashboard.schema.campaigns import Campaign, campaign_of
from cloud.dashboard.schema.devices import Device, device_of
from cloud.dashboard.schema.fleet import Fleet
from cloud.dashboard.schema.words import number

IDS_MAX = 200


@strawberry.type(
    description="Something of these kinds has changed; a list that shows them is to be read again."
)
class Changed:
    devices: list[strawberry.ID]
    campaigns: list[strawberry.ID]
    releases: list[strawberry.ID]


@strawberry.type
class Subscription:
    @strawberry.subscription(description=f"Each of these that has changed; at most {IDS_MAX}.")
    async def device_changed(self, info: Info, ids: list[strawberry.ID]) -> AsyncGenerator[Device, None]:
        async for changed in following.of(info.context, "device", set(ids[:IDS_MAX])):
            for row in await info.context.loaders.devices.load_many(sorted(changed)):
                if row:
                    yield device_of(row)

    @strawberry.subscription
    async def campaign_changed(self, info: Info, id: strawberry.ID) -> AsyncGenerator[Campaign, None]:
        async for _ in following.of(info.context, "campaign", {id}):
            if row := await info.context.loaders.campaigns.load(number(id)):
                yield campaign_of(row)

    @strawberry.subscription(description="At most one in a second.")
    async def fleet_changed(self, info: Info) -> AsyncGenerator[Fleet, None]:
        yield await fleet.counted(info.context.state)
        async for _ in following.of(info.context, "device", None):
            yield await fleet.counted_anew(info.context.state)

    @strawberry.subscription(
        description="Ids of what has changed anywhere; for lists, and at most one in a second."
    )
    async def something_changed(self, info: Info) -> AsyncGenerator[Changed, None]:
        async for changed in following.anything(info.context):
            lists = {
                f"{kind}s": [strawberry.ID(each) for each in sorted(ids)] for kind, ids in changed.items()
            }
            yield Changed(**({"devices": [], "campaigns": [], "releases": []} | lists))
