"""Who polls: a device with its target token, or with the client certificate it was enrolled with."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Header, Path, Request

from cloud.access import Who, need_device, token_hash
from cloud.web import Refused

TENANT = "DEFAULT"  # hawkBit's name for the only one; upper and lower case are the same to it
SCHEME = "TargetToken"
WRITTEN_EACH = timedelta(minutes=1)


@dataclass(frozen=True)
class Controller:
    """hawkBit's word for the client on a device. `base` is the URL of its own resources."""

    id: str
    base: str
    downloads: str  # here, or store
    must_confirm: bool
    auto_confirm: dict | None
    wants_attributes: bool


async def need_controller(
    request: Request,
    tenant: Annotated[str, Path(max_length=64)],
    controller: Annotated[str, Path(max_length=64)],
    authorization: Annotated[str, Header()] = "",
) -> Controller:
    """Refuses with 401 who is nobody, with 403 whoever is another device, with 404 another tenant."""
    device = await (_of_token(request, authorization) if authorization else need_device(request))
    if device != controller:
        raise Refused(403, f"this is {device}, who may not act for {controller!r}")
    if tenant.upper() != TENANT:
        raise Refused(404, f"there is no tenant {tenant!r}, only {TENANT}")
    request.state.who = Who(f"device:{device}", frozenset())
    row = await _seen(request, device)
    return Controller(device, str(request.base_url) + f"{tenant}/controller/v1/{device}", **row)


async def _of_token(request: Request, authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme != SCHEME or not token:
        raise Refused(401, f"needs the header Authorization: {SCHEME} TOKEN, or a client certificate")
    async with request.app.state.pool.connection() as connection:
        row = await (await connection.execute(_OF_TOKEN, [token_hash(token)])).fetchone()
    if row is None:
        await request.app.state.limits.take("wrong token", request)
        raise Refused(401, "the target token is not known, or was revoked")
    return row["device_id"]


async def _seen(request: Request, device: str) -> dict:
    """What is known of the target; made if this is its first time. That it was there is written once a minute."""
    now = request.app.state.clock()
    async with request.app.state.pool.connection() as connection:
        row = await (await connection.execute(_TARGET, [device])).fetchone()
        seen_at = row and row.pop("polled_at")
        if row is None or seen_at is None or now - seen_at > WRITTEN_EACH:
            row = await (await connection.execute(_SEEN, [device, now])).fetchone()
    assert row
    return row


NeedController = Annotated[Controller, Depends(need_controller)]

_OF_TOKEN = """
SELECT t.device_id FROM ddi_targets t JOIN devices d ON d.id = t.device_id
WHERE t.token_sha256 = %s AND d.decommissioned_at IS NULL
"""

_COLUMNS = "downloads, must_confirm, auto_confirm, attributes_at IS NULL AS wants_attributes"

_TARGET = f"SELECT {_COLUMNS}, polled_at FROM ddi_targets WHERE device_id = %s"

_SEEN = f"""
INSERT INTO ddi_targets (device_id, polled_at) VALUES (%s, %s)
ON CONFLICT (device_id) DO UPDATE SET polled_at = EXCLUDED.polled_at
RETURNING {_COLUMNS}
"""
