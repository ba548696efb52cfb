"""What a campaign is asked for: its groups, thresholds and times, as they come over HTTP."""

import math
from datetime import time
from typing import Annotated

from pydantic import BaseModel, Field, model_validator

from cloud.db import NO_NUL
from cloud.ota.choice import Filter, Word

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Words = Annotated[str, Field(max_length=500, pattern=NO_NUL)]
YEAR_S = 366 * 86400


class Window(BaseModel, extra="forbid"):
    """The time of day, in UTC, in which jobs are made and handed out; it may go over midnight."""

    start: time
    end: time

    @model_validator(mode="after")
    def _not_empty(self) -> "Window":
        if self.start == self.end:
            raise ValueError("a window's start and end are the same")
        if self.start.tzinfo or self.end.tzinfo:
            raise ValueError("a window is in UTC: give HH:MM")
        return self


class Group(BaseModel, extra="forbid"):
    """So many devices, or a share of those that the groups before it have left.

    Thresholds that are left out are the campaign's. `confirm`: a person lets the group after it go.
    `open_ended`, the last one only: whoever comes to match later joins, until the deadline.
    """

    name: Word
    count: Annotated[int, Field(ge=1, le=10**9)] | None = None
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    success_threshold: Share | None = None
    error_threshold: Share | None = None
    soak_s: Annotated[int, Field(ge=0, le=YEAR_S)] = 0
    rate_per_min: Annotated[float, Field(ge=0.001, le=10**6)] | None = None
    window: Window | None = None
    confirm: bool = False
    open_ended: bool = False

    @model_validator(mode="after")
    def _one_of_two(self) -> "Group":
        if (self.count is None) == (self.share is None):
            raise ValueError(f"group {self.name!r} needs a count or a share, and not both")
        return self


class NewCampaign(BaseModel, extra="forbid"):
    release: Digest
    filter: Filter = Filter()
    groups: Annotated[list[Group], Field(min_length=1, max_length=20)]
    success_threshold: Share = 1.0  # of a group's jobs, to go on to the next
    error_threshold: Share = 0.1  # of a group's jobs, to halt
    error_after: Annotated[int, Field(ge=1, le=10**9)] | None = None  # ended jobs by which it is judged, too
    step_timeout_s: Annotated[int, Field(ge=1, le=30 * 86400)] = 600
    deferral_timeout_s: Annotated[int, Field(ge=1, le=YEAR_S)] = 7 * 86400
    forced: bool = False
    deadline_s: Annotated[int, Field(ge=1, le=YEAR_S)] | None = None
    retries: Annotated[int, Field(ge=0, le=5)] = 0
    rollback: bool = False

    @model_validator(mode="after")
    def _last_is_open(self) -> "NewCampaign":
        if any(group.open_ended for group in self.groups[:-1]):
            raise ValueError("only the last group can be open-ended")
        return self

    @property
    def open_ended(self) -> bool:
        return self.groups[-1].open_ended


class Why(BaseModel, extra="forbid"):
    why: Words = ""


class Approval(BaseModel, extra="forbid"):
    """`digest` is what the person has looked at: it must be the campaign's."""

    digest: Digest
    why: Words = ""


def sizes_of(groups: list[Group], total: int) -> list[int]:
    ends = ends_of(groups, total)
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def ends_of(groups: list[Group], total: int) -> list[int]:
    """Where each group ends in the order of `total` devices. A share is rounded up."""
    ends, end = [], 0
    for group in groups:
        left = total - end
        end += min(group.count or math.ceil(round((group.share or 0) * left, 6)), left)
        ends.append(end)
    return ends
