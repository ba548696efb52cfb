"""Signing in by an identity provider (OpenID Connect), where one is configured.

The browser comes from the portal, goes to the provider, and back to the portal with a link's token, which works once:
no session's token is ever in an address.
"""

import hashlib
import warnings

import httpx
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import RedirectResponse
from joserfc.errors import JoseError
from psycopg.errors import UniqueViolation
from starlette.middleware.sessions import SessionMiddleware

from cloud.access import ROLES
from cloud.dashboard.people import NAME, new_link
from cloud.db import audit
from cloud.settings import Settings
from cloud.web import Refused

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Authlib announces a successor of httpx
    from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped]
    from authlib.integrations.starlette_client import OAuth  # type: ignore[import-untyped]

COOKIE_S = 600  # as long as somebody may take at the provider

router = APIRouter(prefix="/v1/oidc")


def configure(app: FastAPI, settings: Settings) -> None:
    """Adds the routes."""
    assert settings.oidc_issuer and settings.oidc_client_secret_file  # Settings has seen to it
    oauth = OAuth()
    oauth.register(
        "provider",
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret_file.read_text().strip(),
        server_metadata_url=f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": settings.oidc_scope, "code_challenge_method": "S256"},
    )
    app.state.provider = oauth.provider
    # the same in each process: who begins at one may come back to another
    secret = hashlib.sha256(b"oidc cookie " + settings.admin_token.encode()).hexdigest()
    app.add_middleware(
        SessionMiddleware,
        secret_key=secret,
        session_cookie="fieldrec_oidc",
        max_age=COOKIE_S,
        https_only=True,
    )
    app.include_router(router)


@router.get("/start")
async def start(request: Request) -> RedirectResponse:
    """To the provider."""
    state = request.app.state
    try:
        return await state.provider.authorize_redirect(request, _callback(state.settings))
    except httpx.HTTPError as error:
        raise Refused(502, f"the identity provider does not answer: {error!r}") from error


@router.get("/callback")
async def callback(request: Request) -> RedirectResponse:
    """From the provider, and to the portal's page that redeems a link."""
    state = request.app.state
    try:
        told = await state.provider.authorize_access_token(request)
    except (OAuthError, JoseError) as error:
        raise Refused(403, f"the identity provider's answer does not hold: {error}") from error
    except httpx.HTTPError as error:
        raise Refused(502, f"the identity provider does not answer: {error!r}") from error
    token = await _link(state, told.get("userinfo") or {})
    return RedirectResponse(f"{state.settings.portal_url}/link/{token}", 303)


def _callback(settings: Settings) -> str:
    return f"{settings.dashboard_url or settings.url_of('dashboard')}/v1/oidc/callback"


async def _link(state, claims: dict) -> str:
    """Keeps the user with the role that the groups give now; a token that signs in once."""
    settings, now = state.settings, state.clock()
    role = role_of(claims.get(settings.oidc_claim), settings.oidc_roles)
    name = str(claims.get("preferred_username") or claims.get("email") or claims.get("sub"))
    if role is None:
        raise Refused(403, f"{name[:64]} is in no group that has a role here")
    if not NAME.fullmatch(name):
        raise Refused(403, f"{name[:64]!r} is no name of a user here")
    subject = f"{claims['iss']} {claims['sub']}"
    async with state.pool.connection() as connection:
        try:
            rows = await connection.execute(
                _KEEP, {"name": name, "role": role, "subject": subject, "now": now}
            )
        except UniqueViolation:
            raise Refused(409, f"there is another user {name!r}, who does not come by the provider") from None
        row = await rows.fetchone()
        if row is None:
            raise Refused(403, f"the user {name!r} is disabled")
        who = f"user:{row['name']}"
        await audit(connection, now, who, "user.by-provider", who, "", None, {"role": role})
        return await new_link(connection, row["name"], now)


def role_of(groups: object, roles: str) -> str | None:
    """The highest role that `roles`, as GROUP=ROLE,GROUP=ROLE, gives to one of `groups`."""
    mine = {str(each) for each in groups} if isinstance(groups, list) else {str(groups)}
    pairs = [each.partition("=") for each in roles.split(",")]
    found = [role.strip() for group, _, role in pairs if group.strip() in mine and role.strip() in ROLES]
    return max(found, key=lambda role: len(ROLES[role]), default=None)


# Known by the subject: a name may change at the provider, but here it stays.
_KEEP = """
INSERT INTO users AS u (name, role, subject, created_at) VALUES (%(name)s, %(role)s, %(subject)s, %(now)s)
ON CONFLICT (subject) DO UPDATE SET role = EXCLUDED.role WHERE u.disabled_at IS NULL
RETURNING name
"""
