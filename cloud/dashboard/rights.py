"""Who may ask what. What is in no table here is refused to everybody."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import strawberry
from graphql import GraphQLError
from graphql.language import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, SelectionSetNode
from strawberry.extensions import FieldExtension, SchemaExtension

from cloud.access import Who
from cloud.dashboard.schema.problems import NotAllowed, NotSignedIn, problem
from cloud.web import Refused

ANYBODY = ""  # also who is not signed in
SIGNED_IN = "signed in"

READS = {  # of Query and Subscription; any other field of theirs needs "read"
    "me": SIGNED_IN,
    "users": "administer",
    "tokens": "administer",
}

CHANGES = {
    "signIn": ANYBODY,
    "signInWithLink": ANYBODY,
    "signOut": SIGNED_IN,
    "changePassword": SIGNED_IN,
    "createUser": "administer",
    "changeUser": "administer",
    "createSignInLink": "administer",
    "createToken": "administer",
    "revokeToken": "administer",
    "dryRunCampaign": "operate",
    "createCampaign": "operate",
    "pauseCampaign": "operate",
    "resumeCampaign": "operate",
    "abortCampaign": "operate",
    "approveCampaign": "approve",
    "retryCampaign": "operate",
    "promoteRelease": "approve",
    "withdrawRelease": "operate",
    "setPolicy": "administer",
    "sendCommand": "operate",
    "configureDevices": "operate",
    "labelDevices": "operate",
    "groupDevices": "operate",
    "revokeDevices": "administer",
    "decommissionDevices": "administer",
    "unparkDevice": "operate",
    "createClaim": "operate",
}


def allows(who: Who | None, permission: str | None) -> bool:
    if permission == ANYBODY:
        return True
    return who is not None and (permission == SIGNED_IN or permission in who.may)


class Rights(SchemaExtension):
    """Queries and subscriptions: refused as a whole, with `extensions.code` UNAUTHENTICATED or FORBIDDEN.

    Mutations answer for themselves, with a Problem (Change).
    """

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        if context.pre_execution_errors is None and context.operation_type.value != "mutation":
            who = context.context.who
            refused = [name for name in self._asked() if not allows(who, READS.get(name, "read"))]
            if refused:
                context.pre_execution_errors = [_refusal(who, refused[0])]
        yield

    def _asked(self) -> Iterator[str]:
        """Names of the fields at the top, wherever they are written."""
        document = self.execution_context.graphql_document
        assert document
        fragments = {e.name.value: e for e in document.definitions if isinstance(e, FragmentDefinitionNode)}
        for each in document.definitions:
            if not isinstance(each, FragmentDefinitionNode):
                yield from _top(each.selection_set, fragments, ())  # type: ignore[attr-defined]


def _top(selections: SelectionSetNode, fragments: dict, inside: tuple[str, ...]) -> Iterator[str]:
    for each in selections.selections:
        if isinstance(each, FieldNode):
            yield each.name.value
        elif isinstance(each, FragmentSpreadNode):
            name = each.name.value
            if name in fragments and name not in inside:
                yield from _top(fragments[name].selection_set, fragments, (*inside, name))
        else:
            yield from _top(each.selection_set, fragments, inside)  # type: ignore[attr-defined]


def _refusal(who: Who | None, name: str) -> GraphQLError:
    if who is None:
        return GraphQLError("nobody is signed in, or no more", extensions={"code": "UNAUTHENTICATED"})
    return GraphQLError(f"{who.name} may not ask for {name}", extensions={"code": "FORBIDDEN"})


class Change(FieldExtension):
    """A mutation: asked of whoever may, and what is refused, here or by a service, comes as a Problem."""

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: strawberry.Info, **kwargs: Any
    ) -> Any:
        who, permission = info.context.who, CHANGES.get(info.field_name)
        if not allows(who, permission):
            if who is None:
                return NotSignedIn(message="nobody is signed in, or no more")
            return NotAllowed(message=f"{who.name} may {', '.join(sorted(who.may))}, but not {permission}")
        try:
            return await next_(source, info, **kwargs)
        except Refused as refused:
            return problem(refused)


def change(description: str | None = None) -> Any:
    """Decorates a mutation."""
    return strawberry.mutation(description=description, extensions=[Change()])
