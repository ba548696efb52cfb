"""Events of devices, and the audit log."""

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from cloud.dashboard.schema.words import BigInt


@strawberry.type(description="What a device said has happened.")
class Event:
    id: strawberry.ID
    device_id: strawberry.ID
    at: datetime
    kind: str
    body: JSON


@strawberry.type(description="Something of a device's history, whatever table it is from.")
class Moment:
    at: datetime
    kind: str = strawberry.field(
        description="boot, transition, safety, fault, update, ...; job, command or audit"
    )
    title: str
    detail: str
    who: str


@strawberry.type(
    description="A row of the audit log. `before` and `after` are what a change was from and to."
)
class AuditEntry:
    id: strawberry.ID
    seal: BigInt | None = strawberry.field(description="Its number in the chain of hashes; null: soon.")
    at: datetime
    who: str
    what: str
    subject: str
    why: str
    before: JSON | None
    after: JSON | None
