"""GraphQL over HTTP, and over WebSocket by graphql-transport-ws. Who asks is known by a bearer token.

Over WebSocket the token comes in the header, or in the first message: {"Authorization": "Bearer TOKEN"}.
"""

from typing import Annotated

from fastapi import Header
from starlette.requests import HTTPConnection
from strawberry.exceptions import ConnectionRejectionError
from strawberry.fastapi import GraphQLRouter
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.unset import UNSET, UnsetType

from cloud.access import token_of
from cloud.dashboard.context import Context
from cloud.dashboard.schema.whole import schema


async def _context(connection: HTTPConnection, authorization: Annotated[str, Header()] = "") -> Context:
    state, token = connection.app.state, token_of(authorization)
    who = await state.who_is(token) if token else None
    context = Context(connection, who, token)
    if token and who is None:
        await state.limits.take_for("wrong token", context.client)
    return context


class Endpoint(GraphQLRouter[Context, None]):
    async def on_ws_connect(self, context: Context) -> UnsetType:
        given = (context.connection_params or {}).get("Authorization", "")
        if context.who is None and isinstance(given, str) and (token := token_of(given)):
            context.token, context.who = token, await context.state.who_is(token)
        if context.who is None:
            await context.state.limits.take_for("wrong token", context.client)
            raise ConnectionRejectionError
        return UNSET


router = Endpoint(
    schema,
    context_getter=_context,
    graphql_ide=None,
    allow_queries_via_get=False,
    subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
)
