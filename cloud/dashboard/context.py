"""What a resolver has at hand: who asks, and what is read for all that ask at once."""

from typing import TYPE_CHECKING, Any

import strawberry
from starlette.datastructures import State
from starlette.requests import HTTPConnection
from strawberry.fastapi import BaseContext

from cloud.access import Who
from cloud.db import Pool
from cloud.limits import address

if TYPE_CHECKING:
    from cloud.dashboard.loaders import Loaders


class Context(BaseContext):
    """Of one request, or of one connection of subscriptions. `token` is the caller's own, for the services."""

    def __init__(self, connection: HTTPConnection, who: Who | None, token: str) -> None:
        super().__init__()
        self.state: State = connection.app.state
        self.client = address(connection)
        self.who, self.token = who, token

    @property
    def pool(self) -> Pool:
        return self.state.pool

    @property
    def loaders(self) -> "Loaders":
        """Of the whole process: who asks at the same moment, in whichever request, is read for together."""
        return self.state.loaders

    async def rows(self, statement: str, params: Any = None) -> list[dict]:
        return await read(self.pool, statement, params)

    async def row(self, statement: str, params: Any = None) -> dict | None:
        found = await self.rows(statement, params)
        return found[0] if found else None


async def read(pool: Pool, statement: str, params: Any = None) -> list[dict]:
    async with pool.connection() as connection:
        return await (await connection.execute(statement, params)).fetchall()


Info = strawberry.Info[Context, None]
