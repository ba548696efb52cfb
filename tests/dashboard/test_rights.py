"""Who may do what: out of the schema itself, so that nothing new is forgotten."""

import re
from datetime import timedelta

import pytest
from graphql import GraphQLInputObjectType, GraphQLNonNull, get_named_type

from cloud.access import ROLES
from cloud.dashboard.limits import COST_MAX
from cloud.dashboard.rights import ANYBODY, CHANGES, READS, SIGNED_IN
from cloud.dashboard.schema.whole import schema
from tests.dashboard.lab import PASSWORD

CORE = schema._schema
MUTATIONS = CORE.mutation_type.fields
SAMPLES = {
    "ID": '"1"', "String": '"x"', "Int": "1", "Boolean": "true", "JSON": "{beep: 1}", "Role": "ADMIN", "Kind": "APP",
    "CommandName": "REBOOT",
}  # fmt: skip


def sample(kind) -> str:
    named = get_named_type(kind)
    value = SAMPLES.get(named.name, "")
    if isinstance(named, GraphQLInputObjectType):
        value = "{" + _needed(named.fields) + "}"
    return f"[{value}]" if "[" in str(kind) else value


def _needed(arguments) -> str:
    return ", ".join(
        f"{name}: {sample(each.type)}"
        for name, each in arguments.items()
        if isinstance(each.type, GraphQLNonNull)
    )


def call(name: str) -> str:
    given = _needed(MUTATIONS[name].args)
    return (
        f"mutation {{ {name}{f'({given})' if given else ''} {{ __typename ... on Problem {{ message }} }} }}"
    )


def test_each_mutation_has_its_permission():
    assert set(MUTATIONS) == set(CHANGES)
    fields = set(CORE.query_type.fields) | set(CORE.subscription_type.fields)
    assert set(READS) <= fields


async def test_each_role_at_each_mutation(lab):
    """Who may not is told so, and nothing is changed; who may gets past that, into whatever is wrong with a sample."""
    for role in ("viewer", "operator", "approver"):
        may = ROLES[role] | {ANYBODY, SIGNED_IN}
        for name, permission in CHANGES.items():
            if permission == ANYBODY:
                continue
            got = (await lab.ask(call(name), role)).only
            refused = got["__typename"] == "NotAllowed" and got["message"].startswith(f"token:{role} may")
            assert refused == (permission not in may), (role, name, got)


async def test_a_viewer_changes_nothing(lab):
    before = await everything(lab)
    for name in CHANGES:
        got = (await lab.ask(call(name), "viewer")).only
        assert got["__typename"] in ("NotAllowed", "Conflict"), (
            name,
            got,
        )  # Conflict: a token does not sign out
    assert await everything(lab) == before


async def everything(lab) -> dict:
    tables = await lab.rows(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    changing = {"leaders", "revocation_list"}  # by the services themselves
    return {
        each: (await lab.rows(f"SELECT count(*) AS n FROM {each}"))[0]["n"]
        for each in (row["relname"] for row in tables)
        if each not in changing
    }


async def test_nobody_gets_anything(lab):
    for name in CORE.query_type.fields:
        field = CORE.query_type.fields[name]
        below = "" if not hasattr(get_named_type(field.type), "fields") else " { __typename }"
        given = _needed(field.args)
        query = f"{{ {name}{f'({given})' if given else ''}{below} }}"
        assert (await lab.ask(query, "")).code == "UNAUTHENTICATED", query
    for query in ("{ __schema { types { name } } }", "{ ...F } fragment F on Query { fleet { total } }"):
        assert (await lab.ask(query, "")).code == "UNAUTHENTICATED"
    for name, permission in CHANGES.items():
        if permission != ANYBODY:
            assert (await lab.ask(call(name), "")).only["__typename"] == "NotSignedIn", name


async def test_users_are_for_admins(lab):
    for name in ("users", "tokens"):
        assert (await lab.ask(f"{{ {name} {{ name }} }}", "approver")).code == "FORBIDDEN"
        assert not (await lab.ask(f"{{ {name} {{ name }} }}", "admin")).errors


async def test_a_token_says_when_it_was_used(lab):
    """To the minute, whichever service it was shown to; one that is revoked opens nothing, and is not used."""
    made = (await lab.ask(_TOKEN, "admin", name="ci", role="PUBLISHER")).only
    assert await used(lab, "ci") is None
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert (await lab.ota.get("/v1/campaigns", headers=headers)).status_code == 403  # known, but may not
    first = await used(lab, "ci")
    assert first is not None
    lab.clock.ahead += timedelta(seconds=30)
    await lab.ota.get("/v1/campaigns", headers=headers)
    assert await used(lab, "ci") == first
    lab.clock.ahead += timedelta(seconds=31)
    await lab.ota.get("/v1/campaigns", headers=headers)
    last = await used(lab, "ci")
    assert last > first
    revoke = 'mutation { revokeToken(name: "ci") { __typename } }'
    assert (await lab.ask(revoke, "approver")).only == {"__typename": "NotAllowed"}
    assert (await lab.ask(revoke, "admin")).only == {"__typename": "Done"}
    lab.clock.ahead += timedelta(minutes=2)
    assert (await lab.ota.get("/v1/campaigns", headers=headers)).status_code == 401
    assert await used(lab, "ci") == last


async def used(lab, name: str) -> str | None:
    tokens = (await lab.ask("{ tokens { name usedAt } }", "admin")).only
    return next(each["usedAt"] for each in tokens if each["name"] == name)


@pytest.mark.parametrize(
    "query",
    [
        "{ campaigns(first: 200) { edges { node { jobs(first: 200) { edges { node { id } } } } } } }",
        "query Q($n: Int!) { devices(first: $n) { edges { node { timeline { at } } } } }",
        "{ devices { edges { node { ...F } } } } fragment F on Device { history { at } }",
        "{ devices(first: 200) { edges { node { jobs { device { jobs { device { jobs { id } } } } } } } } }",
    ],
)
async def test_what_costs_too_much_is_not_read(lab, query):
    answer = await lab.ask(query, n=200)
    assert answer.code == "TOO_COSTLY" and str(COST_MAX) in answer.errors[0]["message"]


async def test_depth_aliases_and_loops_end(lab):
    deep = "jobs { device { " * 10 + "id" + " } }" * 10
    for query in (
        f'{{ device(id: "x") {{ {deep} }} }}',
        "{ " + " ".join(f"a{n}: fleet {{ total }}" for n in range(200)) + " }",
        "{ fleet { ...F } } fragment F on Fleet { total ...F }",
        "{ fleet { " + "total " * 5000 + "} }",
    ):
        assert (await lab.ask(query)).errors, query[:80]


async def test_a_password_signs_in_and_out(lab):
    made = await lab.ask(_CREATE, "admin", name="operator", role="OPERATOR", password=PASSWORD)
    assert made.only["user"] == {"name": "operator", "role": "OPERATOR", "hasPassword": True}
    assert (await sign_in(lab, "operator", "wrong" * 4))["message"] == (
        await sign_in(lab, "nobody", PASSWORD)
    )["message"]
    session = await sign_in(lab, "operator", PASSWORD)
    assert session["me"] == {"name": "user:operator", "may": ["OPERATE", "PUBLISH", "READ"]}
    token = session["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert (await lab.ota.get("/v1/campaigns", headers=headers)).status_code == 200  # at every service
    marked = await lab.registration.post(
        "/v1/marks", json={"ids": ["dev-none"], "group": "g"}, headers=headers
    )
    assert marked.status_code == 404
    assert (await lab.ask("{ me { name } }", token=token)).only == {"name": "user:operator"}
    assert (await lab.ask("mutation { signOut { ... on Done { done } } }", token=token)).only == {
        "done": True
    }
    assert (await lab.ask("{ me { name } }", token=token)).code == "UNAUTHENTICATED"
    assert (await lab.ota.get("/v1/campaigns", headers=headers)).status_code == 401
    kept = await lab.rows("SELECT password_hash FROM users")
    assert re.match(r"\$argon2id\$", kept[0]["password_hash"])


async def test_who_is_disabled_is_out_at_once(lab):
    await lab.ask(_CREATE, "admin", name="operator", role="VIEWER", password=PASSWORD)
    token = (await sign_in(lab, "operator", PASSWORD))["token"]
    change = 'mutation { changeUser(name: "operator", disabled: true) { ... on UserChanged { user { sessions } } } }'
    assert (await lab.ask(change, "admin")).only == {"user": {"sessions": 0}}
    assert (await lab.ask("{ me { name } }", token=token)).code == "UNAUTHENTICATED"
    assert "message" in await sign_in(lab, "operator", PASSWORD)
    (row,) = await lab.rows("SELECT who, before, after FROM audit WHERE what = 'user.changed'")
    assert row["who"] == "token:admin" and (row["before"]["disabled"], row["after"]["disabled"]) == (
        False,
        True,
    )


async def test_a_link_signs_in_once(lab):
    await lab.ask(_CREATE, "admin", name="operator", role="ADMIN")
    made = await lab.ask(
        'mutation { createSignInLink(user: "operator") { ... on LinkMade { token } } }', "admin"
    )
    redeem = "mutation ($t: String!) { signInWithLink(token: $t) {"
    redeem += " ... on SignedIn { me { name } } ... on Problem { message } } }"
    first = await lab.ask(redeem, "", t=made.only["token"])
    assert first.only == {"me": {"name": "user:operator"}}
    assert "used already" in (await lab.ask(redeem, "", t=made.only["token"])).only["message"]


async def test_guessing_is_slowed_down(lab):
    await lab.ask(_CREATE, "admin", name="guessed", role="VIEWER")
    lab.app.state.limits.per_window["sign in of a user"] = 2
    answers = [await sign_in(lab, "guessed", "wrong" * 4) for _ in range(3)]
    assert answers[0]["__typename"] == "NotAllowed" and answers[-1]["__typename"] == "TooMany"


async def sign_in(lab, name: str, password: str) -> dict:
    return (await lab.ask(_SIGN_IN, "", name=name, password=password)).only


_CREATE = """
mutation ($name: String!, $role: Role!, $password: String) { createUser(name: $name, role: $role, password: $password)
  { ... on UserChanged { user { name role hasPassword } } ... on Problem { message } } }
"""
_TOKEN = """
mutation ($name: String!, $role: Role!) { createToken(name: $name, role: $role)
  { ... on TokenMade { token } ... on Problem { message } } }
"""
_SIGN_IN = """
mutation ($name: String!, $password: String!) { signIn(name: $name, password: $password)
  { __typename ... on SignedIn { token me { name may } } ... on Problem { message } } }
"""
