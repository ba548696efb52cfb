"""Users and their sessions: passwords by argon2, links that sign in once."""

import asyncio
import re
import secrets
from datetime import datetime, timedelta
from typing import Any

import argon2
import psycopg

from cloud.access import token_hash
from cloud.dashboard.context import Context
from cloud.dashboard.schema.people import Me, user_of
from cloud.dashboard.schema.results import Done, LinkMade, SignedIn, UserChanged
from cloud.dashboard.schema.words import Permission
from cloud.db import Connection, audit
from cloud.web import Refused

SESSION_LIFE = timedelta(hours=12)
LINK_LIFE = timedelta(minutes=15)
PASSWORD_CHARS = range(12, 257)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
ROLES = ("viewer", "operator", "approver", "admin")

_hasher = argon2.PasswordHasher()
_NOBODYS = _hasher.hash(secrets.token_urlsafe())  # checked where there is no user, so that it takes as long
_at_once = asyncio.Semaphore(2)  # a check takes 64 MiB


async def me(context: Context) -> Me:
    who = context.who
    assert who  # Rights has seen to it
    return Me(name=who.name, may=[Permission(each) for each in sorted(who.may)], expires_at=who.expires_at)


# Signing in ----------------------------------------------------------------------------------------------------------


async def sign_in(context: Context, name: str, password: str) -> SignedIn:
    """By password. Refuses with 403 in the same words, and after the same time, whatever was wrong."""
    limits = context.state.limits
    await limits.take_for("sign in", context.client)
    await limits.take_for("sign in of a user", name[:64])
    row = await context.row(_USER_TO_CHECK, [name.replace("\0", "")])
    right = await _matches(row["password_hash"] if row else None, password)
    if not row or not right:
        raise Refused(403, "the name or the password is wrong, or the user is disabled")
    if _hasher.check_needs_rehash(row["password_hash"]):
        await context.rows(_REHASH, [await _hashed(password), name])
    return await new_session(context, row["name"], "with a password")


async def sign_in_with_link(context: Context, token: str) -> SignedIn:
    await context.state.limits.take_for("sign in", context.client)
    now = context.state.clock()
    row = await context.row(_USE_LINK, {"sha256": token_hash(token), "now": now})
    if not row:
        raise Refused(403, "the link was used already, or ran out, or never was; ask for another")
    return await new_session(context, row["user_name"], "with a link")


async def new_session(context: Context, name: str, how: str) -> SignedIn:
    state, token, now = context.state, secrets.token_urlsafe(32), context.state.clock()
    async with state.pool.connection() as connection:
        params = {"sha256": token_hash(token), "name": name, "now": now, "expires": now + SESSION_LIFE}
        await connection.execute(_FORGET_OLD, [now])
        await connection.execute(_NEW_SESSION, params)
        await audit(connection, now, f"user:{name}", "user.signed-in", f"user:{name}", how)
    context.who = await state.who_is(token)
    return SignedIn(token=token, expires_at=now + SESSION_LIFE, me=await me(context))


async def sign_out(context: Context) -> Done:
    assert context.who
    now, name = context.state.clock(), context.who.name
    async with context.pool.connection() as connection:
        ended = await connection.execute(
            "DELETE FROM sessions WHERE sha256 = %s", [token_hash(context.token)]
        )
        if not ended.rowcount:
            raise Refused(409, f"{name} has no session that could end: it is a token")
        await audit(connection, now, name, "user.signed-out", name)
    return Done()


async def change_password(context: Context, old: str, new: str) -> Done:
    assert context.who
    kind, _, name = context.who.name.partition(":")
    if kind != "user":
        raise Refused(409, f"{context.who.name} is no user, and has no password")
    await context.state.limits.take_for("sign in of a user", name)
    row = await context.row(_USER_TO_CHECK, [name])
    if not row or not await _matches(row["password_hash"], old):
        raise Refused(403, "the old password is wrong")
    hashed = await _checked(new)
    async with context.pool.connection() as connection:
        await connection.execute("UPDATE users SET password_hash = %s WHERE name = %s", [hashed, name])
        await connection.execute(_END_OTHERS, [name, token_hash(context.token)])
        who = context.who.name
        await audit(connection, context.state.clock(), who, "user.password", who, "changed by the user")
    return Done()


# Users ---------------------------------------------------------------------------------------------------------------


async def create_user(context: Context, name: str, role: str, password: str | None) -> UserChanged:
    if not NAME.fullmatch(name):
        raise Refused(422, f"{name[:64]!r} is no name: letters, digits and ._@- of up to 64 characters")
    _check_role(role)
    hashed = await _checked(password) if password is not None else None
    async with context.pool.connection() as connection:
        now = context.state.clock()
        try:
            await connection.execute(_NEW_USER, [name, hashed, role, now])
        except psycopg.errors.UniqueViolation:
            raise Refused(409, f"there is a user {name!r} already") from None
        await _audit(context, connection, "user.created", name, None, {"role": role})
        return UserChanged(user=user_of(await _shown(connection, name, now)))


async def change_user(
    context: Context, name: str, role: str | None, password: str | None, disabled: bool | None
) -> UserChanged:
    """What is left out stays. The sessions of who is disabled, or gets another password, end."""
    if role is not None:
        _check_role(role)
    hashed = await _checked(password) if password is not None else None
    async with context.pool.connection() as connection:
        now = context.state.clock()
        row = await _locked(connection, name)
        after = {"role": role or row["role"], "disabled": row["disabled"] if disabled is None else disabled}
        params = after | {"name": name, "hash": hashed, "now": now}
        await connection.execute(_CHANGE_USER, params)
        if after["disabled"] or hashed:
            await connection.execute("DELETE FROM sessions WHERE user_name = %s", [name])
        before = {"role": row["role"], "disabled": row["disabled"]}
        why = "with a new password" if hashed else ""
        await _audit(context, connection, "user.changed", name, before, after, why)
        return UserChanged(user=user_of(await _shown(connection, name, now)))


async def create_link(context: Context, name: str) -> LinkMade:
    now = context.state.clock()
    async with context.pool.connection() as connection:
        row = await _locked(connection, name)
        if row["disabled"]:
            raise Refused(409, f"the user {name!r} is disabled")
        token = await new_link(connection, name, now)
        await _audit(context, connection, "user.link", name, None, None, "a link that signs in once")
    return LinkMade(token=token, user=name, expires_at=now + LINK_LIFE)


async def new_link(connection: Connection, name: str, now: datetime) -> str:
    token = secrets.token_urlsafe(32)
    await connection.execute(_NEW_LINK, [token_hash(token), name, now + LINK_LIFE])
    return token


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise Refused(422, f"a user can't be {role}; give one of {', '.join(ROLES)}")


async def _audit(
    context: Context,
    connection: Connection,
    what: str,
    name: str,
    before: dict | None,
    after: dict | None,
    why: str = "",
) -> None:
    assert context.who
    now = context.state.clock()
    await audit(connection, now, context.who.name, what, f"user:{name}", why, before, after)


async def _locked(connection: Connection, name: str) -> dict:
    rows = await connection.execute(_LOCK_USER, [name.replace("\0", "")])
    if row := await rows.fetchone():
        return row
    raise Refused(404, f"there is no user {name[:64]!r}")


async def _shown(connection: Connection, name: str, now: Any) -> dict:
    rows = await connection.execute(f"{_USERS} WHERE u.name = %s", [now, name])
    (row,) = await rows.fetchall()
    return row


# Passwords -----------------------------------------------------------------------------------------------------------


async def _checked(password: str) -> str:
    if len(password) not in PASSWORD_CHARS:
        raise Refused(422, f"a password has {PASSWORD_CHARS[0]} to {PASSWORD_CHARS[-1]} characters")
    return await _hashed(password)


async def _hashed(password: str) -> str:
    async with _at_once:
        return await asyncio.to_thread(_hasher.hash, password)


async def _matches(hashed: str | None, password: str) -> bool:
    if len(password) > PASSWORD_CHARS[-1]:
        return False
    try:
        async with _at_once:
            return (
                await asyncio.to_thread(_hasher.verify, hashed or _NOBODYS, password) and hashed is not None
            )
    except argon2.exceptions.VerificationError:
        return False


_USER_TO_CHECK = "SELECT name, password_hash FROM users WHERE name = %s AND disabled_at IS NULL"

_REHASH = "UPDATE users SET password_hash = %s WHERE name = %s RETURNING name"

_USE_LINK = """
UPDATE sign_in_links l SET used_at = %(now)s FROM users u
WHERE l.sha256 = %(sha256)s AND l.used_at IS NULL AND l.expires_at > %(now)s AND u.name = l.user_name
    AND u.disabled_at IS NULL
RETURNING l.user_name
"""

_FORGET_OLD = "DELETE FROM sessions WHERE expires_at <= %s"

_NEW_SESSION = """
INSERT INTO sessions (sha256, user_name, created_at, expires_at) VALUES (%(sha256)s, %(name)s, %(now)s, %(expires)s)
"""

_END_OTHERS = "DELETE FROM sessions WHERE user_name = %s AND sha256 <> %s"

_NEW_USER = "INSERT INTO users (name, password_hash, role, created_at) VALUES (%s, %s, %s, %s)"

_LOCK_USER = "SELECT name, role, disabled_at IS NOT NULL AS disabled FROM users WHERE name = %s FOR UPDATE"

_CHANGE_USER = """
UPDATE users SET role = %(role)s, password_hash = coalesce(%(hash)s, password_hash),
    disabled_at = CASE WHEN %(disabled)s THEN coalesce(disabled_at, %(now)s) END
WHERE name = %(name)s
"""

_NEW_LINK = "INSERT INTO sign_in_links (sha256, user_name, expires_at) VALUES (%s, %s, %s)"

_USERS = """
SELECT u.name, u.role, u.password_hash IS NOT NULL AS has_password, u.subject IS NOT NULL AS by_provider, u.created_at,
    u.disabled_at,
    (SELECT count(*) FROM sessions s WHERE s.user_name = u.name AND s.expires_at > %s)::integer AS sessions
FROM users u
"""

USERS = f"{_USERS} ORDER BY u.name"

TOKENS = """
SELECT name, role, created_at, used_at, expires_at, revoked_at FROM tokens ORDER BY revoked_at IS NOT NULL, name
"""
