"""Why a change was not made: what each mutation may give instead of what it is for."""

from typing import Annotated, Union

import strawberry

from cloud.web import Refused


@strawberry.interface(description="A change was not made; `message` says why, and what to do.")
class Problem:
    message: str


@strawberry.type(description="Nobody is signed in, or no more.")
class NotSignedIn(Problem):
    pass


@strawberry.type(description="The caller's role does not allow it, or it takes another person.")
class NotAllowed(Problem):
    pass


@strawberry.type
class NotFound(Problem):
    pass


@strawberry.type(description="It does not fit what is there now.")
class Conflict(Problem):
    pass


@strawberry.type(description="What was asked for can't be.")
class Invalid(Problem):
    pass


@strawberry.type(description="Too often from this address; wait a minute.")
class TooMany(Problem):
    pass


@strawberry.type(description="A service did not answer; whether the change was made is to be looked at.")
class Unavailable(Problem):
    pass


_BY_STATUS: dict[int, type[Problem]] = {
    401: NotSignedIn, 403: NotAllowed, 404: NotFound, 409: Conflict, 429: TooMany,
}  # fmt: skip


def problem(refused: Refused) -> Problem:
    if refused.status >= 500:
        return Unavailable(message=refused.words)
    return _BY_STATUS.get(refused.status, Invalid)(message=refused.words)


def result(name: str, *good: type):
    """The union of what a mutation is for, and the problems."""
    every = (*good, NotSignedIn, NotAllowed, NotFound, Conflict, Invalid, TooMany, Unavailable)
    return Annotated[Union[every], strawberry.union(name)]  # noqa: UP007
