"""The dashboard from the command line: one GraphQL request, and the words when it refuses."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tools.service import Where


class DashboardError(Exception):
    """The service could not be asked, or refused; the text says which and why."""


class Dashboard:
    def __init__(self, client: httpx.Client):
        self._client = client

    def ask(self, query: str, **variables: Any) -> Any:
        """What the one field at the top gives; a Problem is raised."""
        try:
            answer = self._client.post("/graphql", json={"query": query, "variables": variables})
            body = answer.json()
        except (httpx.TransportError, ValueError) as error:
            raise DashboardError(f"{self._client.base_url}/graphql: {error}") from error
        if errors := body.get("errors"):
            raise DashboardError(errors[0]["message"])
        (value,) = body["data"].values()
        if isinstance(value, dict) and "message" in value:
            raise DashboardError(f"refused: {value['message']}")
        return value


@contextmanager
def dashboard(where: Where) -> Iterator[Dashboard]:
    with where.client() as client:
        yield Dashboard(client)


def link(dashboard: Dashboard, name: str, role: str = "ADMIN") -> str:
    """A token that signs this user in once, for signInWithLink; who is not there yet is made, with this role."""
    users = {each["name"] for each in dashboard.ask(USERS)}
    if name not in users:
        dashboard.ask(CREATE, name=name, role=role)
    return dashboard.ask(LINK, name=name)["token"]


_PROBLEM = "... on Problem { message }"
_USER = "... on UserChanged { user { name role disabledAt } }"

USERS = "{ users { name role hasPassword byProvider disabledAt sessions } }"
CREATE = f"""
mutation ($name: String!, $role: Role!, $password: String) {{
  createUser(name: $name, role: $role, password: $password) {{ {_USER} {_PROBLEM} }} }}
"""
CHANGE = f"""
mutation ($name: String!, $role: Role, $password: String, $disabled: Boolean) {{
  changeUser(name: $name, role: $role, password: $password, disabled: $disabled) {{ {_USER} {_PROBLEM} }} }}
"""
LINK = f"""
mutation ($name: String!) {{ createSignInLink(user: $name) {{ ... on LinkMade {{ token expiresAt }} {_PROBLEM} }} }}
"""
