"""Relay's connections: pages by cursor, where a cursor is the key of the last row, so that no page is counted off."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Annotated, Generic, TypeVar

import strawberry
from graphql import GraphQLError

FIRST = 50
FIRST_MAX = 200

Node = TypeVar("Node")

First = Annotated[int, strawberry.argument(description=f"So many at most; not more than {FIRST_MAX}.")]
After = Annotated[str | None, strawberry.argument(description="Begin behind this cursor.")]


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class Edge(Generic[Node]):
    cursor: str
    node: Node


@strawberry.type
class Connection(Generic[Node]):
    edges: list[Edge[Node]]
    page_info: PageInfo


def size_of(first: int) -> int:
    """How many rows to read: one more than asked for says whether there is a next page."""
    if not 1 <= first <= FIRST_MAX:
        raise GraphQLError(f"first is {first}; give a number from 1 to {FIRST_MAX}")
    return first + 1


def page(
    rows: list[dict], first: int, make: Callable[[dict], Node], key: Callable[[dict], object]
) -> Connection:
    """Of `rows`, of which there is one more than `first` if there is a next page."""
    edges = [Edge(cursor=cursor_of(key(row)), node=make(row)) for row in rows[:first]]
    info = PageInfo(has_next_page=len(rows) > first, end_cursor=edges[-1].cursor if edges else None)
    return Connection(edges=edges, page_info=info)


def cursor_of(key: object) -> str:
    return urlsafe_b64encode(str(key).encode()).decode().rstrip("=")


def key_of(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError:
        text = "\0"
    if "\0" in text:
        raise GraphQLError(f"{cursor[:40]!r} is no cursor of this API")
    return text


def number_of(cursor: str | None) -> int | None:
    """Of a cursor that is a number."""
    numbers = numbers_of(cursor, 1)
    return numbers[0] if numbers else None


def numbers_of(cursor: str | None, count: int) -> list[int] | None:
    """Of a cursor that is so many numbers, with a point between."""
    text = key_of(cursor)
    if text is None:
        return None
    parts = text.split(".")
    if len(parts) != count or not all(
        part.isascii() and part.isdecimal() and int(part) < 2**63 for part in parts
    ):
        raise GraphQLError(f"{str(cursor)[:40]!r} is no cursor of this list")
    return [int(part) for part in parts]
