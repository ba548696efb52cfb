"""The GraphQL schema; docs/api/schema.graphql is printed from it."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from cloud.dashboard.limits import LIMITS
from cloud.dashboard.rights import Rights
from cloud.dashboard.schema.mutation import Mutation
from cloud.dashboard.schema.query import Query
from cloud.dashboard.schema.subscription import Subscription
from cloud.dashboard.schema.words import SCALARS

schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    extensions=[*LIMITS, Rights],
    config=StrawberryConfig(scalar_map=SCALARS),
)
