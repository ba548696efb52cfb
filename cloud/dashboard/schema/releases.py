"""Releases of both stores, and whom they fit."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from cloud.dashboard.context import Info
from cloud.dashboard.schema.words import BigInt, Kind, ReleaseStatus
from cloud.ota.choice import Filter, look, target_of

if TYPE_CHECKING:
    from cloud.dashboard.schema.campaigns import Campaign

CAMPAIGNS_SHOWN = 20


@strawberry.type(
    description="At least this version of a kind has to run before the release can be installed."
)
class Requirement:
    kind: Kind
    version: str


@strawberry.type
class LeftOut:
    why: str
    devices: int
    example: strawberry.ID


@strawberry.type(description="Of the whole fleet, now.")
class Compatibility:
    fits: int
    left_out: list[LeftOut]


@strawberry.type(description="What campaigns with releases of a kind need.")
class Policy:
    kind: Kind
    approvals: int
    promoted_only: bool


@strawberry.type
class Release:
    digest: strawberry.ID
    kind: Kind
    name: str
    version: str
    security_version: int
    boards: list[str]
    size: BigInt
    signed_by: list[str] = strawberry.field(description="Ids of the keys whose signatures were verified.")
    status: ReleaseStatus
    status_why: str
    requires: list[Requirement]
    published_at: datetime

    @strawberry.field(description="How many devices in service run it now.")
    async def running(self, info: Info) -> int:
        return await info.context.loaders.running.load((self.kind.value, self.version))

    @strawberry.field
    async def compatibility(self, info: Info) -> Compatibility:
        context = info.context
        row = await context.row("SELECT * FROM releases WHERE digest = %s", [self.digest])
        assert row  # releases stay
        async with context.pool.connection() as connection:
            found = await look(connection, target_of(row, forced=False), Filter())
        return Compatibility(fits=found.fit, left_out=left_out(found.left_out))

    @strawberry.field(description=f"The last {CAMPAIGNS_SHOWN} that bring it.")
    async def campaigns(
        self, info: Info
    ) -> list[Annotated["Campaign", strawberry.lazy("cloud.dashboard.schema.campaigns")]]:
        from cloud.dashboard.schema.campaigns import campaign_of

        return [campaign_of(row) for row in await info.context.loaders.campaigns_of.load(self.digest)]


def left_out(found: dict[str, list]) -> list[LeftOut]:
    ordered = sorted(found.items(), key=lambda each: -each[1][0])
    return [LeftOut(why=why, devices=n, example=strawberry.ID(example)) for why, (n, example) in ordered]


def release_of(row: dict) -> Release:
    """`row` as RELEASES selects it."""
    requires = [
        Requirement(kind=Kind(kind), version=version) for kind, version in sorted(row["requires"].items())
    ]
    kinds = {"kind": Kind(row["kind"]), "status": ReleaseStatus(row["status"]), "requires": requires}
    return Release(**(row | kinds))


def policy_of(row: dict) -> Policy:
    return Policy(**(row | {"kind": Kind(row["kind"])}))
