"""The words and numbers that types have in common."""

from enum import Enum
from typing import Annotated, Any, NewType

import strawberry
from graphql import GraphQLError

BigInt = NewType("BigInt", int)

SCALARS: dict[object, Any] = {
    BigInt: strawberry.scalar(name="BigInt", description="A whole number of up to 63 bits.")
}


@strawberry.enum(description="Which store a release is in.")
class Kind(Enum):
    APP = "app"
    RUNTIME = "runtime"


@strawberry.enum
class ReleaseStatus(Enum):
    CANDIDATE = "CANDIDATE"
    PROMOTED = "PROMOTED"
    WITHDRAWN = "WITHDRAWN"


@strawberry.enum
class CampaignStatus(Enum):
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    SUCCEEDED = "SUCCEEDED"
    HALTED = "HALTED"
    ABORTED = "ABORTED"


@strawberry.enum
class GroupStatus(Enum):
    WAITING = "WAITING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    HALTED = "HALTED"
    ABORTED = "ABORTED"


@strawberry.enum
class JobStatus(Enum):
    QUEUED = "QUEUED"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    REJECTED = "REJECTED"
    REMOVED = "REMOVED"
    CANCELED = "CANCELED"


@strawberry.enum(description="`BACK` takes a device to its other slot, after a campaign has halted.")
class JobAction(Enum):
    INSTALL = "install"
    BACK = "back"


@strawberry.enum
class CommandStatus(Enum):
    QUEUED = "QUEUED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    REJECTED = "REJECTED"
    TIMED_OUT = "TIMED_OUT"
    CANCELED = "CANCELED"


@strawberry.enum
class CommandName(Enum):
    REBOOT = "reboot"
    IDENTIFY = "identify"
    ROTATE_CERT = "rotate-cert"
    SEND_LOG = "send-log"


@strawberry.enum
class Role(Enum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"
    PUBLISHER = "publisher"


@strawberry.enum
class Permission(Enum):
    READ = "read"
    OPERATE = "operate"
    PUBLISH = "publish"
    APPROVE = "approve"
    ADMINISTER = "administer"


Why = Annotated[str, strawberry.argument(description="For the audit log; at most 500 characters.")]


def text(value: str | None) -> str | None:
    """PostgreSQL's text has no NUL."""
    if value is not None and "\0" in value:
        raise GraphQLError("a text has a NUL in it")
    return value


def number(identifier: str) -> int:
    """Of an ID that is a number; 0, which none has, if it is something else."""
    fits = identifier.isascii() and identifier.isdecimal() and len(identifier) < 19
    return int(identifier) if fits else 0
