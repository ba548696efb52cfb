"""The fleet as a whole, and how a list of devices is narrowed down."""

from datetime import datetime

import strawberry


@strawberry.type
class Count:
    name: str = strawberry.field(description="Empty: unknown, or in none.")
    devices: int


@strawberry.type(description="Devices with a value from `low` up to, and without, `high`.")
class Bin:
    low: int
    high: int
    devices: int


@strawberry.type(
    description="Devices in service, counted. Kept for some seconds: `asOf` says when it was counted."
)
class Fleet:
    as_of: datetime
    total: int
    online: int
    decommissioned: int
    enrolled_last_day: int
    states: list[Count] = strawberry.field(description="Of those online.")
    app_versions: list[Count]
    runtime_versions: list[Count]
    boards: list[Count]
    groups: list[Count]
    battery_pct: list[Bin] = strawberry.field(description="In tens of a percent.")
    temp_c: list[Bin] = strawberry.field(description="In steps of 5 degrees Celsius.")


@strawberry.type(description="A name and a value that devices are labelled with.")
class LabelCount:
    name: str
    value: str
    devices: int


@strawberry.input
class LabelFilter:
    name: str
    value: str | None = strawberry.field(default=None, description="Left out: any.")


@strawberry.input(description="All that is given must hold.")
class DeviceFilter:
    text: str | None = strawberry.field(default=None, description="Part of the id.")
    ids: list[strawberry.ID] | None = None
    group: str | None = strawberry.field(default=None, description="Empty: in none.")
    labels: list[LabelFilter] | None = None
    board: str | None = None
    app_version: str | None = None
    runtime_version: str | None = None
    state: str | None = None
    online: bool | None = None
    decommissioned: bool = False
