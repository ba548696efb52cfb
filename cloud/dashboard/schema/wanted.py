"""What a campaign is asked for. The ota service checks it; what is left out is as it has it."""

from dataclasses import fields
from enum import Enum
from typing import Any

import strawberry


@strawberry.input
class NamedValue:
    name: str
    value: str


@strawberry.input(description="Whom a campaign is for. What is left out excludes nobody.")
class CampaignFilter:
    board: str | None = None
    version: str | None = strawberry.field(default=None, description="What runs now, of the release's kind.")
    ids: list[strawberry.ID] | None = None
    group: str | None = None
    labels: list[NamedValue] | None = None


@strawberry.input(description="Times of day, HH:MM in UTC; it may go over midnight.")
class WindowInput:
    start: str
    end: str


@strawberry.input(
    description="So many devices, or a share (0 to 1) of those that the groups before it have left."
)
class CampaignGroupInput:
    name: str
    count: int | None = None
    share: float | None = None
    success_threshold: float | None = None
    error_threshold: float | None = None
    soak_s: int | None = None
    rate_per_min: float | None = None
    window: WindowInput | None = None
    confirm: bool | None = strawberry.field(default=None, description="A person lets the next group go.")
    open_ended: bool | None = None


@strawberry.input
class CampaignInput:
    release: strawberry.ID = strawberry.field(description="Digest of its manifest.")
    groups: list[CampaignGroupInput]
    filter: CampaignFilter | None = None
    success_threshold: float | None = None
    error_threshold: float | None = None
    error_after: int | None = None
    step_timeout_s: int | None = None
    deferral_timeout_s: int | None = None
    forced: bool | None = None
    deadline_s: int | None = None
    retries: int | None = None
    rollback: bool | None = None


def body_of(asked: Any) -> Any:
    """An input as the services take it: without what was left out; names and values as an object."""
    if isinstance(asked, list):
        if asked and all(isinstance(each, NamedValue) for each in asked):
            return {each.name: each.value for each in asked}
        return [body_of(each) for each in asked]
    if isinstance(asked, Enum):
        return asked.value
    if not hasattr(type(asked), "__strawberry_definition__"):
        return asked
    values = {each.name: body_of(getattr(asked, each.name)) for each in fields(asked)}
    return {name: value for name, value in values.items() if value is not None}
