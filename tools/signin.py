"""A link that signs a person in at the portal, once, made with the admin token of a cloud on this machine."""

import ssl
from pathlib import Path

import httpx

TIMEOUT_S = 15
ROLES = ("viewer", "operator", "approver", "admin")


class SignInError(Exception):
    """The dashboard could not be asked, or refused; the text says why."""


def link(urls: dict[str, str], ca: Path, admin_token: str, user: str, role: str) -> str:
    """An address for a browser. The user is made if there is none of that name, and else stays as it is."""
    if role not in ROLES:
        raise SignInError(f"--role {role!r} is none of {', '.join(ROLES)}")
    trusted = ssl.create_default_context(cafile=str(ca))
    bearer = {"Authorization": f"Bearer {admin_token}"}
    url = f"{urls['dashboard']}/graphql"
    with httpx.Client(verify=trusted, headers=bearer, timeout=TIMEOUT_S, trust_env=False) as client:
        made = _change(client, url, _NEW_USER, {"name": user, "role": role.upper()})
        if "message" in made and made["__typename"] != "Conflict":
            raise SignInError(made["message"])
        found = _change(client, url, _NEW_LINK, {"user": user})
    if "message" in found:
        raise SignInError(found["message"])
    return f"{urls['portal']}/link/{found['token']}"


def _change(client: httpx.Client, url: str, document: str, variables: dict[str, str]) -> dict:
    try:
        answer = client.post(url, json={"query": document, "variables": variables})
        said = answer.json()
    except (httpx.TransportError, ValueError) as error:
        raise SignInError(f"{url}: {error}") from error
    if not said.get("data"):
        raise SignInError(f"{url} answers {answer.status_code}: {answer.text[:300]}")
    (outcome,) = said["data"].values()
    return outcome


_NEW_USER = """
mutation NewUser($name: String!, $role: Role!) {
  createUser(name: $name, role: $role) { __typename ... on Problem { message } }
}
"""
_NEW_LINK = """
mutation NewLink($user: String!) {
  createSignInLink(user: $user) { __typename ... on LinkMade { token } ... on Problem { message } }
}
"""
