"""Who asks, and what they may do: people and programs by a bearer token, devices by their client certificate."""

import hashlib
import hmac
from datetime import datetime
from typing import Annotated, NamedTuple

from cryptography import x509
from fastapi import Depends, Header, Request
from starlette.datastructures import State

from cloud.web import Refused

ROLES = {
    "viewer": {"read"},
    "operator": {"read", "operate", "publish"},
    "approver": {"read", "operate", "publish", "approve"},
    "admin": {"read", "operate", "publish", "approve", "administer"},
    "publisher": {"publish"},  # continuous integration
}


class Who(NamedTuple):
    """`name` is what the audit log says: admin, token:NAME, user:NAME, or device:ID."""

    name: str
    may: frozenset[str]
    expires_at: datetime | None = None  # of the token


async def _who(request: Request, authorization: Annotated[str, Header()] = "") -> Who:
    if not (token := token_of(authorization)):
        raise Refused(401, "needs the header Authorization: Bearer TOKEN")
    who = await who_is(request.app.state, token)
    if who is None:
        await request.app.state.limits.take("wrong token", request)
        raise Refused(401, "the token is not known, or was revoked, or ran out")
    return who


def token_of(authorization: str) -> str:
    """The token in the header `Authorization`, or nothing."""
    scheme, _, token = authorization.partition(" ")
    return token if scheme == "Bearer" else ""


async def who_is(state: State, token: str) -> Who | None:
    """Whose bearer token it is: the admin's, a program's, or that of a user's session. `state` is of the app."""
    if hmac.compare_digest(token.encode(), state.settings.admin_token.encode()):
        return Who("admin", frozenset(ROLES["admin"]))
    async with state.pool.connection() as connection:
        rows = await connection.execute(_WHO, {"sha256": token_hash(token), "now": state.clock()})
        row = await rows.fetchone()
    return Who(row["name"], frozenset(ROLES[row["role"]]), row["expires_at"]) if row else None


# That a token was used is kept to the minute: at most so often it costs a write.
_WHO = """
WITH used AS (
    UPDATE tokens SET used_at = %(now)s
    WHERE sha256 = %(sha256)s AND revoked_at IS NULL AND (expires_at > %(now)s) IS NOT FALSE
        AND (used_at < %(now)s::timestamptz - interval '1 minute') IS NOT FALSE
)
SELECT 'token:' || name AS name, role, expires_at FROM tokens
WHERE sha256 = %(sha256)s AND revoked_at IS NULL AND (expires_at > %(now)s) IS NOT FALSE
UNION ALL
SELECT 'user:' || u.name, u.role, s.expires_at FROM sessions s JOIN users u ON u.name = s.user_name
WHERE s.sha256 = %(sha256)s AND s.expires_at > %(now)s AND u.disabled_at IS NULL
"""


def token_hash(token: str) -> bytes:
    """What is kept of a token: enough for one of 144 random bits or more."""
    return hashlib.sha256(token.encode()).digest()


def needs(permission: str) -> list:
    """`dependencies` of a route; `request.state.who` is the Who. Refuses with 401 or 403."""

    async def check(request: Request, who: Annotated[Who, Depends(_who)]) -> None:
        if permission not in who.may:
            raise Refused(403, f"{who.name} may {', '.join(sorted(who.may))}, but not {permission}")
        request.state.who = who

    check.permission = permission  # type: ignore[attr-defined]  # for the table of all routes
    return [Depends(check)]


READ, OPERATE, PUBLISH, APPROVE, ADMINISTER = map(
    needs, ("read", "operate", "publish", "approve", "administer")
)


async def need_device(request: Request) -> str:
    """The id of the device whose client certificate this connection has. Refuses with 401 or 403."""
    der = getattr(
        request.state, "client_certificate", None
    )  # of a TLS client (cloud/serve.py), chain verified
    if der is None:
        raise Refused(401, "needs a device's client certificate")
    certificate = x509.load_der_x509_certificate(der)
    device, revoked_at = await _device_of(request, format(certificate.serial_number, "x"))
    if device is None:
        raise Refused(401, "the certificate is no device's of this cloud")
    if revoked_at:
        raise Refused(403, f"the certificate of {device} is revoked")
    request.state.who = Who(f"device:{device}", frozenset())
    return device


async def _device_of(request: Request, serial: str) -> tuple[str | None, datetime | None]:
    async with request.app.state.pool.connection() as connection:
        rows = await connection.execute(
            "SELECT device_id, revoked_at FROM certificates WHERE serial = %s", [serial]
        )
        row = await rows.fetchone()
    return (row["device_id"], row["revoked_at"]) if row else (None, None)


DeviceOf = Annotated[str, Depends(need_device)]
