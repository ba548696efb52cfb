"""Who is signed in, users, and tokens of programs."""

from datetime import datetime

import strawberry

from cloud.dashboard.schema.words import Permission, Role


@strawberry.type(description="Who asks.")
class Me:
    name: str = strawberry.field(description="As the audit log has it: user:NAME, token:NAME or admin.")
    may: list[Permission]
    expires_at: datetime | None = strawberry.field(description="When the session or the token ends.")


@strawberry.type
class User:
    name: str
    role: Role
    has_password: bool
    by_provider: bool = strawberry.field(description="Comes by the identity provider.")
    created_at: datetime
    disabled_at: datetime | None
    sessions: int = strawberry.field(description="In force.")


@strawberry.type(description="A bearer token of a program.")
class ApiToken:
    name: str
    role: Role
    created_at: datetime
    used_at: datetime | None = strawberry.field(description="When it was shown last, to the minute.")
    expires_at: datetime | None
    revoked_at: datetime | None


def user_of(row: dict) -> User:
    return User(**(row | {"role": Role(row["role"])}))


def token_of(row: dict) -> ApiToken:
    return ApiToken(**(row | {"role": Role(row["role"])}))
