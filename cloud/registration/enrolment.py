"""Claims, and how a device turns one into a certificate."""

import binascii
import hashlib
import secrets
from base64 import b64decode, b64encode
from datetime import datetime, timedelta
from typing import Annotated, Literal

from cryptography import x509
from fastapi import APIRouter, Request
from pydantic import AfterValidator, BaseModel, Field
from starlette.datastructures import State

from cloud import pki
from cloud.db import Connection, audit
from cloud.web import ADMIN, Refused, utc_text

CLAIM_LIFE = timedelta(days=7)


def _device_id(text: str) -> str:
    pki.check_device_id(text)
    return text


DeviceId = Annotated[str, AfterValidator(_device_id)]
Board = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9.+-]{0,64}$")]

router = APIRouter()


class Versions(BaseModel):
    app: Version = ""
    runtime: Version = ""


class Claim(BaseModel):
    """Whom a token is for; what is left out is open."""

    device_id: DeviceId | None = None
    board: Board | None = None


class Enrolment(BaseModel):
    v: Literal[1]
    device_id: DeviceId
    token: Annotated[str, Field(max_length=128)]
    csr: Annotated[str, Field(max_length=8192)]  # base64 of DER
    board: Board
    versions: Versions = Versions()


@router.post("/v1/claims", status_code=201, dependencies=ADMIN)
async def create_claim(claim: Claim, request: Request) -> dict:
    state = request.app.state
    token, now = secrets.token_urlsafe(24), state.clock()
    expires = now + CLAIM_LIFE
    async with state.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO claims (token_sha256, device_id, board, created_at, expires_at)"
            " VALUES (%s, %s, %s, %s, %s)",
            [_sha256(token), claim.device_id, claim.board, now, expires],
        )
        await audit(connection, now, "admin", "claim.created", f"claim:{_sha256(token).hex()[:16]}")
    return {"token": token, "expires": utc_text(expires)}


@router.post("/v1/enrol", status_code=201)
async def enrol(asked: Enrolment, request: Request) -> dict:
    state = request.app.state
    der, now = _sign(asked, state), state.clock()
    async with state.pool.connection() as connection:  # in one transaction, so that each uses a claim up
        claim = await _lock_claim(connection, asked)
        if given := await _given_before(connection, asked, claim, der):
            der = given
        elif reason := _why_not(claim, asked, now):
            raise Refused(403, reason)
        else:
            await _store(connection, asked, der, now)
    return {
        "v": 1,
        "certificate": b64encode(der).decode(),
        "ca": b64encode(state.authority.der).decode(),
        "mqtt": {"host": state.settings.public_host, "port": state.settings.mqtt_port},
    }


def _sign(asked: Enrolment, state: State) -> bytes:
    """The certificate as DER. A request that can't be signed uses no claim up."""
    try:
        return pki.sign_device_csr(b64decode(asked.csr, validate=True), asked.device_id, state.authority)
    except (pki.CsrError, binascii.Error) as error:
        raise Refused(400, f"certificate request: {error}") from error


async def _lock_claim(connection: Connection, asked: Enrolment) -> dict | None:
    """Of two at once with the same token, the second waits here, and finds it used."""
    rows = await connection.execute(
        "SELECT c.*, d.id IS NOT NULL AS enrolled FROM claims c LEFT JOIN devices d ON d.id = %s"
        " WHERE token_sha256 = %s FOR UPDATE OF c",
        [asked.device_id, _sha256(asked.token)],
    )
    return await rows.fetchone()


async def _given_before(
    connection: Connection, asked: Enrolment, claim: dict | None, der: bytes
) -> bytes | None:
    """The certificate that this claim gave this device for this key: the answer got lost, and it asks again."""
    if claim is None or claim["used_by"] != asked.device_id:
        return None
    rows = await connection.execute("SELECT der FROM certificates WHERE serial = %s", [claim["serial"]])
    (row,) = await rows.fetchall()
    before, now = (x509.load_der_x509_certificate(each) for each in (row["der"], der))
    return row["der"] if before.public_key() == now.public_key() else None


def _why_not(claim: dict | None, asked: Enrolment, now: datetime) -> str | None:
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
    if claim["enrolled"] and claim["device_id"] is None:
        return f"device {asked.device_id} is enrolled already; it needs a claim that names it"
    return None


async def _store(connection: Connection, asked: Enrolment, der: bytes, now: datetime) -> None:
    certificate = x509.load_der_x509_certificate(der)
    serial = format(certificate.serial_number, "x")
    await connection.execute(
        "INSERT INTO devices (id, board, app_version, runtime_version, enrolled_at)"
        " VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET board = EXCLUDED.board, app_version = EXCLUDED.app_version,"
        " runtime_version = EXCLUDED.runtime_version, enrolled_at = EXCLUDED.enrolled_at",
        [asked.device_id, asked.board, asked.versions.app, asked.versions.runtime, now],
    )
    await connection.execute(
        "INSERT INTO certificates (serial, device_id, der, issued_at, expires_at)"
        " VALUES (%s, %s, %s, %s, %s)",
        [serial, asked.device_id, der, now, certificate.not_valid_after_utc],
    )
    await connection.execute(
        "UPDATE claims SET used_at = %s, used_by = %s, serial = %s WHERE token_sha256 = %s",
        [now, asked.device_id, serial, _sha256(asked.token)],
    )
    subject = f"device:{asked.device_id}"
    why = f"certificate {serial} by claim {_sha256(asked.token).hex()[:16]}"
    await audit(connection, now, subject, "device.enrolled", subject, why)


def _sha256(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
