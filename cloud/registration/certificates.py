"""Certificates of devices: signed, kept, replaced before they run out, and revoked.

A device asks for the next one with the one that it has, and for a new key. Both hold until it says over a
connection with the new one that it works: only then the older ones are revoked.
"""

from base64 import b64decode, b64encode
from datetime import datetime, timedelta
from typing import Annotated, Literal

from cryptography import x509
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.datastructures import State

from cloud import pki
from cloud.access import ADMINISTER, DeviceOf
from cloud.db import Connection, audit
from cloud.registration.fields import Csr, ForDevices, Why
from cloud.registration.known import lock_devices
from cloud.web import Refused, utc_text

SPREAD = timedelta(days=5)  # devices enrolled on one day don't all come back on one
EARLY = timedelta(days=pki.DEVICE_DAYS - pki.RENEW_DAYS)

Serial = Annotated[str, Field(pattern=r"^[0-9a-f]{1,40}$")]

router = APIRouter()


class Rotation(BaseModel):
    v: Literal[1]
    csr: Csr


class Revocation(ForDevices):
    """Without `serials`: all certificates that the devices have."""

    serials: Annotated[list[Serial], Field(max_length=100)] = Field(default_factory=list)
    why: Why = ""


@router.post("/v1/certificates", status_code=201)
async def rotate(asked: Rotation, device: DeviceOf, request: Request) -> dict:
    """The certificate that is to follow the one of this connection. Asked again for one key: the same again."""
    state, current = request.app.state, _of_connection(request)
    der, now = sign(asked.csr, device, state), state.clock()
    if _key(der) == current.public_key():
        raise Refused(400, "certificate request: its key is the present one; make a new key")
    async with state.pool.connection() as connection:
        await lock_devices(connection, [device])
        await _check_in_force(connection, current)
        before = await _unused_successor(connection, serial_of(current))
        if before and _key(before["der"]) == _key(der):
            return answer(before["der"], state)
        if before:
            await revoke(connection, now, [device], "replaced before it was used", [before["serial"]])
        serial = await keep(connection, der, device, now, serial_of(current))
        why = f"certificate {serial} to follow {serial_of(current)}"
        await audit(connection, now, f"device:{device}", "certificate.rotated", f"device:{device}", why)
    state.lists.wake.set()
    return answer(der, state)


@router.post("/v1/certificates/used")
async def used(device: DeviceOf, request: Request) -> dict:
    """The device has the certificate of this connection in use: all older ones are revoked."""
    state, current, now = request.app.state, _of_connection(request), request.app.state.clock()
    async with state.pool.connection() as connection:
        await lock_devices(connection, [device])
        await _check_in_force(connection, current)
        await connection.execute(
            "UPDATE certificates SET used_at = coalesce(used_at, %s) WHERE serial = %s",
            [now, serial_of(current)],
        )
        older = await revoke(connection, now, [device], "replaced", before=serial_of(current))
        if older:
            why = f"certificate {serial_of(current)} in use, revoked {', '.join(older)}"
            await audit(connection, now, f"device:{device}", "certificate.used", f"device:{device}", why)
    state.lists.wake.set()
    return {"v": 1, "revoked": older}


@router.post("/v1/revocations", dependencies=ADMINISTER)
async def revoke_many(asked: Revocation, request: Request) -> dict:
    """At HTTP at once, at the brokers as soon as they have the new list. Another claim lets a device in again."""
    state, now = request.app.state, request.app.state.clock()
    async with state.pool.connection() as connection:
        await lock_devices(connection, asked.ids)
        serials = await revoke(connection, now, asked.ids, asked.why or "revoked", asked.serials or None)
        if asked.serials and (unknown := set(asked.serials) - set(serials)):
            raise Refused(404, f"no certificate in force: {', '.join(sorted(unknown))}")
        for device in asked.ids:
            who, subject = request.state.who.name, f"device:{device}"
            await audit(
                connection,
                now,
                who,
                "certificates.revoked",
                subject,
                asked.why,
                None,
                {"revoked": serials[:100]},
            )
    state.lists.wake.set()
    return {"revoked": serials}


def sign(csr: str, device_id: str, state: State) -> bytes:
    """The certificate as DER; refuses with 400. Nothing is kept yet."""
    try:
        return pki.sign_device_csr(b64decode(csr, validate=True), device_id, state.authority)
    except ValueError as error:  # of either: text that is not ASCII is no binascii.Error
        raise Refused(400, f"certificate request: {error}") from error


def answer(der: bytes, state: State) -> dict:
    """What a device is given with its certificate; from `renew` on it should ask for the next."""
    certificate = x509.load_der_x509_certificate(der)
    early = EARLY + timedelta(seconds=certificate.serial_number % SPREAD.total_seconds())
    return {
        "v": 1,
        "certificate": b64encode(der).decode(),
        "ca": b64encode(state.authority.der).decode(),
        "mqtt": {"host": state.settings.public_host, "port": state.settings.mqtt_port},
        "renew": utc_text(certificate.not_valid_after_utc - early),
    }


async def keep(
    connection: Connection, der: bytes, device_id: str, now: datetime, replaces: str | None = None
) -> str:
    """Its serial number, in the form of every table."""
    certificate = x509.load_der_x509_certificate(der)
    await connection.execute(
        "INSERT INTO certificates (serial, device_id, der, issued_at, expires_at, replaces)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        [serial_of(certificate), device_id, der, now, certificate.not_valid_after_utc, replaces],
    )
    return serial_of(certificate)


async def revoke(
    connection: Connection,
    now: datetime,
    devices: list[str],
    why: str,
    serials: list[str] | None = None,
    before: str | None = None,
) -> list[str]:
    """Revoke the devices' certificates: those in `serials` if given, those older than `before` if given.

    Returns the serials. HTTP refuses them from the commit on; `lists.wake` after it hastens the list for brokers.
    """
    rows = await connection.execute(
        "UPDATE certificates SET revoked_at = %(now)s, revoked_why = %(why)s"
        " WHERE device_id = ANY(%(devices)s) AND revoked_at IS NULL"
        " AND (%(serials)s::text[] IS NULL OR serial = ANY(%(serials)s))"
        " AND (%(before)s::text IS NULL OR (serial <> %(before)s"
        "  AND issued_at <= (SELECT issued_at FROM certificates WHERE serial = %(before)s)))"
        " RETURNING serial",
        {"now": now, "why": why, "devices": devices, "serials": serials, "before": before},
    )
    return sorted([row["serial"] for row in await rows.fetchall()])


def serial_of(certificate: x509.Certificate) -> str:
    return format(certificate.serial_number, "x")


def _of_connection(request: Request) -> x509.Certificate:
    """After DeviceOf, which has looked at it."""
    return x509.load_der_x509_certificate(request.state.client_certificate)


def _key(der: bytes):
    return x509.load_der_x509_certificate(der).public_key()


async def _check_in_force(connection: Connection, certificate: x509.Certificate) -> None:
    """Once more, now that nobody else can change it: of two at once, one may have revoked the other's."""
    rows = await connection.execute(
        "SELECT revoked_at FROM certificates WHERE serial = %s", [serial_of(certificate)]
    )
    (row,) = await rows.fetchall()
    if row["revoked_at"]:
        raise Refused(403, "the certificate was revoked meanwhile")


async def _unused_successor(connection: Connection, serial: str) -> dict | None:
    rows = await connection.execute(
        "SELECT serial, der FROM certificates WHERE replaces = %s AND used_at IS NULL AND revoked_at IS NULL",
        [serial],
    )
    return await rows.fetchone()
