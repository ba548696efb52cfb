"""How much a query may ask for: depth, tokens, aliases, and what it costs.

A field costs one for each object that it is asked of. What can't be read for many at once (PER_OBJECT), or goes over
the whole fleet, costs so much that it can be had for a few objects, but not for a list.
"""

from collections.abc import Iterator
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
)
from graphql.language import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)
from strawberry.extensions import MaxAliasesLimiter, MaxTokensLimiter, QueryDepthLimiter, SchemaExtension

from cloud.dashboard.schema.pages import FIRST, FIRST_MAX

DEPTH_MAX = 14
TOKENS_MAX = 4000
ALIASES_MAX = 50
COST_MAX = 25_000
LIST = 5  # objects in a list that is no page
PER_OBJECT = {  # field: cost, beside what is below it
    "Release.compatibility": 2000,
    "Device.events": 1000,
    "Device.history": 1000,
    "Device.timeline": 1000,
    "Device.why": 2000,
    "Campaign.failures": 1000,
    "Campaign.jobs": 1000,
}


class CostLimiter(SchemaExtension):
    """Before validation, so that what is too large is not even validated."""

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        assert context.graphql_document
        cost = cost_of(
            context.schema._schema, context.graphql_document, context.variables or {}, context.operation_name
        )
        if cost > COST_MAX:
            words = f"the query costs more than {COST_MAX}: ask for fewer rows, or less of each"
            context.pre_execution_errors = [GraphQLError(words, extensions={"code": "TOO_COSTLY"})]
        yield


LIMITS = [
    lambda: QueryDepthLimiter(max_depth=DEPTH_MAX),
    lambda: MaxTokensLimiter(max_token_count=TOKENS_MAX),
    lambda: MaxAliasesLimiter(max_alias_count=ALIASES_MAX),
    CostLimiter,
]


def cost_of(
    schema: GraphQLSchema, document: DocumentNode, variables: dict[str, Any], name: str | None = None
) -> int:
    """Of the operation; no more is counted once it is over COST_MAX."""
    fragments = {
        each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
    }
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    wanted = [each for each in operations if name is None or (each.name and each.name.value == name)]
    walk = _Walk(schema, fragments, variables)
    for each in wanted:
        walk.below(each.selection_set, schema.get_root_type(each.operation), 1)
    return walk.cost


class _Walk:
    def __init__(self, schema: GraphQLSchema, fragments: dict, variables: dict[str, Any]) -> None:
        self.cost, self._schema, self._fragments, self._variables = 0, schema, fragments, variables

    def below(
        self, selections: SelectionSetNode | None, of: Any, times: int, inside: tuple[str, ...] = ()
    ) -> None:
        """`of`: the type that is selected from; `inside`: names of the fragments that lead here. One that leads to
        itself is not walked again: it is invalid."""
        for each in selections.selections if selections else ():
            if self.cost > COST_MAX:
                return
            if isinstance(each, FieldNode):
                self._field(each, of, times, inside)
            elif isinstance(each, FragmentSpreadNode):
                name = each.name.value
                if name in self._fragments and name not in inside:
                    self._fragment(self._fragments[name], of, times, (*inside, name))
            else:
                self._fragment(each, of, times, inside)

    def _fragment(self, fragment: Any, of: Any, times: int, inside: tuple[str, ...]) -> None:
        condition = fragment.type_condition
        self.below(
            fragment.selection_set,
            self._schema.get_type(condition.name.value) if condition else of,
            times,
            inside,
        )

    def _field(self, field: FieldNode, of: Any, times: int, inside: tuple[str, ...]) -> None:
        name = field.name.value
        found = getattr(of, "fields", {}).get(name)
        if found is None:  # an introspection, or there is no such field
            self.cost += times
            return self.below(field.selection_set, None, times, inside)
        self.cost += times * (1 + PER_OBJECT.get(f"{of.name}.{name}", 0))
        self.below(field.selection_set, get_named_type(found.type), times * self._many(field, found), inside)

    def _many(self, field: FieldNode, found: GraphQLField) -> int:
        """How many objects a field brings for each that it is asked of."""
        if "first" in found.args:
            return self._first(field)
        one = get_nullable_type(found.type)
        pages = get_named_type(found.type).name.endswith("Edge")  # counted at the connection
        return LIST if isinstance(one, GraphQLList) and not pages else 1

    def _first(self, field: FieldNode) -> int:
        given = [each.value for each in field.arguments or () if each.name.value == "first"]
        asked: Any = None
        for value in given:
            if isinstance(value, IntValueNode):
                asked = int(value.value)
            elif isinstance(value, VariableNode):
                asked = self._variables.get(value.name.value)
        return min(max(asked, 1), FIRST_MAX) if isinstance(asked, int) else FIRST
