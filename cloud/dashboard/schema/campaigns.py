"""Campaigns, their groups, and the jobs that they are made of."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry.scalars import JSON

from cloud.dashboard import reads
from cloud.dashboard.context import Info
from cloud.dashboard.schema.pages import FIRST, After, Connection, First, numbers_of, page, size_of
from cloud.dashboard.schema.releases import Release, release_of
from cloud.dashboard.schema.words import CampaignStatus, GroupStatus, JobAction, JobStatus, Kind

if TYPE_CHECKING:
    from cloud.dashboard.schema.devices import Device

FAILURES_SHOWN = 50


@strawberry.type(description="How many jobs are in which state.")
class JobCounts:
    queued: int = 0
    in_progress: int = 0
    succeeded: int = 0
    failed: int = 0
    timed_out: int = 0
    rejected: int = 0
    removed: int = 0
    canceled: int = 0

    @strawberry.field
    def total(self) -> int:
        return sum(getattr(self, status.value.lower()) for status in JobStatus)


@strawberry.type
class CampaignGroup:
    number: int
    name: str
    status: GroupStatus
    size: int
    success_threshold: float
    error_threshold: float
    soak_s: int
    rate_per_min: float | None
    window_start: str | None = strawberry.field(description="HH:MM, UTC")
    window_end: str | None
    confirm: bool = strawberry.field(description="A person lets the next group go.")
    open_ended: bool
    soaks_until: datetime | None
    jobs: JobCounts
    back: JobCounts = strawberry.field(description="Of those on their way back after a halt.")
    not_reached: int = strawberry.field(description="Queued, and their device was never there to be told.")
    deferred: int = strawberry.field(description="Put off by the device.")


@strawberry.type(description="A reason for which jobs failed.")
class Failure:
    reason: str
    status: JobStatus
    devices: int
    example: strawberry.ID = strawberry.field(description="A device whose job failed so.")


@strawberry.type
class Approval:
    who: str
    digest: strawberry.ID
    at: datetime
    why: str


@strawberry.type
class Job:
    id: strawberry.ID
    campaign_id: strawberry.ID
    device_id: strawberry.ID
    group: str
    kind: Kind
    action: JobAction
    attempt: int
    status: JobStatus
    step: str
    progress_pct: int
    detail: str
    deferred: str = strawberry.field(description="Why the device puts it off; empty if it does not.")
    from_version: str
    created_at: datetime
    notified_at: datetime | None
    heard_at: datetime | None
    ended_at: datetime | None

    @strawberry.field
    async def device(
        self, info: Info
    ) -> Annotated["Device", strawberry.lazy("cloud.dashboard.schema.devices")] | None:
        from cloud.dashboard.schema.devices import device_of

        row = await info.context.loaders.devices.load(self.device_id)
        return device_of(row) if row else None

    @strawberry.field
    async def campaign(self, info: Info) -> "Campaign":
        return campaign_of(await info.context.loaders.campaigns.load(int(self.campaign_id)))


@strawberry.type
class Campaign:
    id: strawberry.ID
    kind: Kind
    status: CampaignStatus
    reason: str = strawberry.field(description="Why it halted, or is paused; empty if a person did that.")
    release_digest: strawberry.ID
    filter: JSON
    success_threshold: float
    error_threshold: float
    error_after: int | None
    step_timeout_s: int
    deferral_timeout_s: int
    forced: bool
    retries: int
    rollback: bool
    deadline: datetime | None
    created_by: str
    created_at: datetime
    ended_at: datetime | None
    approvals_needed: int

    @strawberry.field
    async def release(self, info: Info) -> Release:
        return release_of(await info.context.loaders.releases.load(self.release_digest))

    @strawberry.field
    async def groups(self, info: Info) -> list[CampaignGroup]:
        return [group_of(row) for row in await info.context.loaders.groups.load(int(self.id))]

    @strawberry.field(description="Of all groups together.")
    async def jobs_counted(self, info: Info) -> JobCounts:
        rows = await info.context.loaders.groups.load(int(self.id))
        total: dict[str, int] = {}
        for row in rows:
            for status, n in row["jobs"].items():
                total[status] = total.get(status, 0) + n
        return counts_of(total)

    @strawberry.field
    async def approvals(self, info: Info) -> list[Approval]:
        return [Approval(**row) for row in await info.context.loaders.approvals.load(int(self.id))]

    @strawberry.field(description=f"Why jobs failed, the most frequent first, at most {FAILURES_SHOWN}.")
    async def failures(self, info: Info) -> list[Failure]:
        rows = await info.context.rows(reads.FAILURES, [int(self.id), FAILURES_SHOWN])
        return [Failure(**(row | {"status": JobStatus(row["status"])})) for row in rows]

    @strawberry.field
    async def jobs(
        self,
        info: Info,
        status: list[JobStatus] | None = None,
        group: int | None = None,
        first: First = FIRST,
        after: After = None,
    ) -> Connection[Job]:
        params: dict[str, Any] = {
            "campaign": int(self.id),
            "after": numbers_of(after, 2),
            "limit": size_of(first),
        }
        params |= {"statuses": [each.value for each in status] if status else None, "group": group}
        return page(await info.context.rows(reads.JOBS, params), first, job_of, reads.job_key)


def campaign_of(row: dict) -> Campaign:
    return Campaign(**(row | {"kind": Kind(row["kind"]), "status": CampaignStatus(row["status"])}))


def job_of(row: dict) -> Job:
    enums = {
        "kind": Kind(row["kind"]),
        "status": JobStatus(row["status"]),
        "action": JobAction(row["action"]),
    }
    return Job(**({name: value for name, value in row.items() if name != "group_number"} | enums))


def counts_of(by_status: dict[str, int]) -> JobCounts:
    return JobCounts(**{status.lower(): n for status, n in by_status.items()})


def group_of(row: dict) -> CampaignGroup:
    made = {
        "status": GroupStatus(row["status"]),
        "jobs": counts_of(row["jobs"]),
        "back": counts_of(row["back"]),
    }
    return CampaignGroup(**({name: value for name, value in row.items() if name != "campaign"} | made))
