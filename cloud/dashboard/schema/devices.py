"""Devices and what is known of each."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import strawberry
from graphql import GraphQLError
from strawberry.scalars import JSON

from cloud.dashboard import reads
from cloud.dashboard.context import Info
from cloud.dashboard.loaders import SHOWN
from cloud.dashboard.schema.campaigns import Job, job_of
from cloud.dashboard.schema.logs import Event, Moment
from cloud.dashboard.schema.pages import FIRST, After, Connection, First, number_of, page, size_of
from cloud.dashboard.schema.words import BigInt, CommandName, CommandStatus, Kind
from cloud.ota import why

POINTS_MAX = 500


@strawberry.type
class Label:
    name: str
    value: str


@strawberry.type(description="What a device said of itself. A measurement that it could not take is null.")
class Heartbeat:
    at: datetime
    state: str
    vbat_mv: int | None
    soc_pct: int | None
    temp_decic: int | None = strawberry.field(description="Tenths of a degree Celsius.")
    app_version: str
    runtime_version: str
    slot: str
    uptime_s: BigInt
    mem_free: BigInt
    counters: JSON
    fault: str = strawberry.field(description="The code of a sensor's fault that goes on; empty for none.")


@strawberry.type(description="The mean of a stretch of time, for a plot.")
class Point:
    at: datetime
    state: str = strawberry.field(description="The last one of the stretch.")
    vbat_mv: float | None
    soc_pct: float | None
    temp_decic: float | None
    temp_decic_max: int | None
    mem_free: float
    heartbeats: int


@strawberry.type(description="One of the two places on a device that an app runs from.")
class Slot:
    name: str
    active: bool
    version: str | None = strawberry.field(description="null: not known here")


@strawberry.type(description="Settings: what they should be, and what the device says of them.")
class Config:
    desired: JSON
    desired_version: BigInt
    desired_at: datetime | None
    reported: JSON
    reported_version: BigInt
    reported_at: datetime | None
    refused: JSON = strawberry.field(description="Setting: why the device did not take it.")
    settled: bool = strawberry.field(description="The device has applied what is desired.")


@strawberry.type
class Command:
    id: strawberry.ID
    device_id: strawberry.ID
    name: CommandName
    status: CommandStatus
    detail: str
    result: JSON | None
    asked_by: str
    created_at: datetime
    expires_at: datetime
    sent_at: datetime | None
    ended_at: datetime | None


@strawberry.type
class Certificate:
    serial: strawberry.ID
    issued_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None
    revoked_why: str


@strawberry.type
class Device:
    id: strawberry.ID
    board: str
    app_version: str
    runtime_version: str
    group: str = strawberry.field(description="Empty: in none.")
    enrolled_at: datetime
    decommissioned_at: datetime | None
    online: bool
    since: datetime | None = strawberry.field(description="Online or offline since, by the device's clock.")
    seen_at: datetime | None = strawberry.field(description="When its presence last changed.")
    polled_at: datetime | None = strawberry.field(description="Of one that speaks DDI: when it last asked.")
    state: str | None = strawberry.field(description="Of its last heartbeat; null: it sent none yet.")
    vbat_mv: int | None
    soc_pct: int | None
    temp_decic: int | None
    slot: str | None

    @strawberry.field
    async def labels(self, info: Info) -> list[Label]:
        return [Label(**row) for row in await info.context.loaders.labels.load(self.id)]

    @strawberry.field(description="The last one, whole.")
    async def heartbeat(self, info: Info) -> Heartbeat | None:
        found = await info.context.loaders.heartbeats.load(self.id)
        return heartbeat_of(found) if found else None

    @strawberry.field(description="Its jobs under way.")
    async def active_jobs(self, info: Info) -> list[Job]:
        return [job_of(row) for row in await info.context.loaders.active_jobs.load(self.id)]

    @strawberry.field(description=f"The last {SHOWN}, the newest first.")
    async def jobs(self, info: Info) -> list[Job]:
        return [job_of(row) for row in await info.context.loaders.last_jobs.load(self.id)]

    @strawberry.field
    async def config(self, info: Info) -> Config:
        row = await info.context.loaders.twins.load(self.id)
        return Config(**row)

    @strawberry.field(description=f"The last {SHOWN}, the newest first.")
    async def commands(self, info: Info) -> list[Command]:
        return [command_of(row) for row in await info.context.loaders.commands.load(self.id)]

    @strawberry.field
    async def certificates(self, info: Info) -> list[Certificate]:
        return [Certificate(**row) for row in await info.context.loaders.certificates.load(self.id)]

    @strawberry.field
    async def slots(self, info: Info) -> list[Slot]:
        if not self.slot:
            return []
        left = await info.context.loaders.version_left.load(self.id)
        running = Slot(name=self.slot, active=True, version=self.app_version or None)
        other = Slot(name={"a": "b"}.get(self.slot, "a"), active=False, version=left)
        return sorted([running, other], key=lambda slot: slot.name)

    @strawberry.field(description="The newest first.")
    async def events(
        self, info: Info, kind: str | None = None, first: First = FIRST, after: After = None
    ) -> Connection[Event]:
        params = {"device": self.id, "kind": kind, "before": number_of(after), "limit": size_of(first)}
        return page(await info.context.rows(reads.EVENTS_OF, params), first, event_of, lambda row: row["id"])

    @strawberry.field(description="Events, jobs, commands and what people did, together; the newest first.")
    async def timeline(
        self,
        info: Info,
        first: First = FIRST,
        before: Annotated[
            datetime | None, strawberry.argument(description="`at` of the last one seen.")
        ] = None,
    ) -> list[Moment]:
        params = {"device": self.id, "limit": size_of(first) - 1, "before": before}
        return [Moment(**row) for row in await info.context.rows(reads.TIMELINE, params)]

    @strawberry.field(
        description="Heartbeats from then to now, in so many stretches of time; the oldest first."
    )
    async def history(self, info: Info, hours: float = 24.0, points: int = 120) -> list[Point]:
        if not (1 <= points <= POINTS_MAX and 0 < hours <= 24 * 366):
            raise GraphQLError(f"give 1 to {POINTS_MAX} points, of up to {24 * 366} hours")
        now = info.context.state.clock()
        params = {"device": self.id, "start": now - timedelta(hours=hours), "end": now, "points": points}
        return [Point(**row) for row in await info.context.rows(reads.HISTORY, params)]

    @strawberry.field(description="Why it isn't updating, in words, the most telling first.")
    async def why(self, info: Info, kind: Kind = Kind.APP) -> list[str]:
        context = info.context
        async with context.pool.connection() as connection:
            device = await why._device(connection, self.id)
            return await why.answers(connection, device, kind.value, context.state.clock())


def device_of(row: dict) -> Device:
    return Device(**row)


def command_of(row: dict) -> Command:
    return Command(**(row | {"name": CommandName(row["name"]), "status": CommandStatus(row["status"])}))


def event_of(row: dict) -> Event:
    return Event(**row)


def heartbeat_of(told: dict) -> Heartbeat:
    """`told` as cloud/registration/states.py has it."""
    at = datetime.fromisoformat(told["received_at"])
    versions = told.get("versions") or {}
    names = ("state", "vbat_mv", "soc_pct", "temp_decic", "slot", "uptime_s", "mem_free", "counters")
    same: dict[str, Any] = {name: told.get(name) for name in names}
    return Heartbeat(
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
        app_version=versions.get("app", ""),
        runtime_version=versions.get("runtime", ""),
        fault=told.get("fault", ""),
        **same,
    )
