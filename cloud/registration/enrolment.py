"""How a device comes by its first certificate: by a claim, or because a factory vouches for it."""

from datetime import datetime
from typing import Annotated, Literal

from cryptography import x509
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, model_validator
from starlette.datastructures import State

from cloud.access import token_hash
from cloud.db import Connection, audit
from cloud.registration import certificates
from cloud.registration import factory as factories
from cloud.registration.fields import Board, Csr, DeviceId, Versions
from cloud.web import Refused, utc_text

router = APIRouter()


class Enrolment(BaseModel):
    """With a claim's token, or with what a factory gave the device."""

    v: Literal[1]
    device_id: DeviceId
    token: Annotated[str, Field(max_length=128)] | None = None
    factory: factories.Voucher | None = None
    csr: Csr
    board: Board
    versions: Versions = Versions()

    @model_validator(mode="after")
    def _one_way(self) -> "Enrolment":
        if (self.token is None) == (self.factory is None):
            raise ValueError("either token or factory must be given")
        return self


@router.post("/v1/enrol", status_code=201)
async def enrol(asked: Enrolment, request: Request) -> dict:
    state = request.app.state
    await state.limits.take("enrol", request)
    der = certificates.sign(asked.csr, asked.device_id, state)  # what can't be signed uses no claim up
    way = _by_factory if asked.factory else _by_claim
    async with state.pool.connection() as connection:  # in one transaction, so that each uses a claim up
        der = await way(connection, asked, der, state)
    state.lists.wake.set()
    return certificates.answer(der, state)


async def _by_claim(connection: Connection, asked: Enrolment, der: bytes, state: State) -> bytes:
    now, digest = state.clock(), token_hash(asked.token or "")
    claim = await _lock_claim(connection, digest)
    device = await _lock_device(connection, asked.device_id)
    if (
        claim
        and claim["used_by"] == asked.device_id
        and (given := await _given(connection, "serial = %s", claim["serial"], der))
    ):
        return given
    if reason := _why_not(claim, device, asked, now):
        raise Refused(403, reason)
    assert claim
    if device:
        await _end_earlier(connection, asked.device_id, state)
    serial = await _store(connection, asked, der, now, claim["group_name"], f"claim {digest.hex()[:16]}")
    await connection.execute(
        "UPDATE claims SET used_at = %s, used_by = %s, serial = %s WHERE token_sha256 = %s",
        [now, asked.device_id, serial, digest],
    )
    return der


async def _by_factory(connection: Connection, asked: Enrolment, der: bytes, state: State) -> bytes:
    """The first time only: who has a factory's certificate can't take over what has enrolled since."""
    assert asked.factory
    now = state.clock()
    name = await factories.check(connection, asked.factory, asked.csr, asked.device_id, asked.board, now)
    if await _lock_device(connection, asked.device_id):
        given = await _given(connection, "device_id = %s", asked.device_id, der)
        if given is None:
            raise Refused(
                403, f"device {asked.device_id} is enrolled already; it needs a claim that names it"
            )
        return given
    await _store(connection, asked, der, now, "", f"factory {name}")
    return der


async def _lock_claim(connection: Connection, digest: bytes) -> dict | None:
    """Of two at once with the same token, the second waits here, and finds it used."""
    rows = await connection.execute("SELECT * FROM claims WHERE token_sha256 = %s FOR UPDATE", [digest])
    return await rows.fetchone()


async def _lock_device(connection: Connection, device_id: str) -> dict | None:
    """Of two at once for the same device, be it new, the second waits here."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [device_id])
    rows = await connection.execute("SELECT * FROM devices WHERE id = %s FOR UPDATE", [device_id])
    return await rows.fetchone()


async def _given(connection: Connection, which: str, value: str, der: bytes) -> bytes | None:
    """The certificate in force that was given for the same key: the answer got lost, and it asks again."""
    rows = await connection.execute(
        f"SELECT der FROM certificates WHERE {which} AND revoked_at IS NULL", [value]
    )
    key = x509.load_der_x509_certificate(der).public_key()
    for row in await rows.fetchall():
        if x509.load_der_x509_certificate(row["der"]).public_key() == key:
            return row["der"]
    return None


def _why_not(claim: dict | None, device: dict | None, asked: Enrolment, now: datetime) -> str | None:
    if claim is None:
        return "claim token is not known"
    if claim["used_at"]:
        return f"claim token was used at {utc_text(claim['used_at'])}; ask for a new one"
    if claim["expires_at"] <= now:
        return f"claim token expired at {utc_text(claim['expires_at'])}; ask for a new one"
    if claim["device_id"] not in (None, asked.device_id):
        return "claim token is for another device"
    if claim["board"] not in (None, asked.board):
        return f"claim token is for board {claim['board']}, not {asked.board}"
    if device and claim["device_id"] is None:
        return f"device {asked.device_id} is enrolled already; it needs a claim that names it"
    return None


async def _end_earlier(connection: Connection, device_id: str, state: State) -> None:
    """Enrolled anew, a device is another one, or has lost its key: what it had is of no use to it."""
    now = state.clock()
    await certificates.revoke(connection, now, [device_id], "enrolled anew")


async def _store(
    connection: Connection, asked: Enrolment, der: bytes, now: datetime, group: str, by: str
) -> str:
    """Device and certificate, whose serial number is returned. Without a `group` it stays in the one it was in."""
    await connection.execute(
        "INSERT INTO devices (id, board, app_version, runtime_version, enrolled_at, group_name)"
        " VALUES (%s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET board = EXCLUDED.board, app_version = EXCLUDED.app_version,"
        " runtime_version = EXCLUDED.runtime_version, enrolled_at = EXCLUDED.enrolled_at,"
        " group_name = coalesce(nullif(EXCLUDED.group_name, ''), devices.group_name),"
        " decommissioned_at = NULL",
        [asked.device_id, asked.board, asked.versions.app, asked.versions.runtime, now, group],
    )
    serial = await certificates.keep(connection, der, asked.device_id, now)
    subject = f"device:{asked.device_id}"
    await audit(connection, now, subject, "device.enrolled", subject, f"certificate {serial} by {by}")
    return serial
