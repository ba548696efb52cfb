"""Factories: an authority that an admin has registered vouches for devices, which then enrol by themselves.

A device shows the certificate that it got at the factory, and signs its request with that one's key. Nothing
of the factory's authority is trusted anywhere else: not by TLS, not by the broker.
"""

from base64 import b64decode
from datetime import datetime
from typing import Annotated

import psycopg
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import NameOID
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from cloud.access import ADMINISTER
from cloud.db import Connection, audit
from cloud.registration.fields import Board
from cloud.web import Refused
from wire import topics

router = APIRouter(prefix="/v1/factory-authorities", dependencies=ADMINISTER)

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class NewAuthority(BaseModel, extra="forbid"):
    """`certificate` in PEM. With `board` it vouches for devices of that board alone."""

    name: Name
    certificate: Annotated[str, Field(max_length=16384)]
    board: Board | None = None


class Voucher(BaseModel):
    """A device's certificate from the factory, and what its key signed: FACTORY_CONTEXT and the CSR (r and s)."""

    certificate: Annotated[str, Field(max_length=8192)]  # base64 of DER
    signature: Annotated[str, Field(max_length=128)]  # base64


@router.post("", status_code=201)
async def register(asked: NewAuthority, request: Request) -> dict:
    state, certificate = request.app.state, _authority(asked.certificate, request.app.state.clock())
    digest = certificate.fingerprint(hashes.SHA256())
    async with state.pool.connection() as connection:
        try:
            await connection.execute(
                "INSERT INTO factory_authorities (name, sha256, der, board, created_at)"
                " VALUES (%s, %s, %s, %s, %s)",
                [asked.name, digest, certificate.public_bytes(_DER), asked.board, state.clock()],
            )
        except psycopg.errors.UniqueViolation:
            raise Refused(409, f"the name {asked.name!r} or this certificate is registered already") from None
        who, subject = request.state.who.name, f"factory:{asked.name}"
        await audit(connection, state.clock(), who, "factory.registered", subject, digest.hex())
    return {"name": asked.name, "sha256": digest.hex()}


@router.get("")
async def authorities(request: Request) -> dict:
    async with request.app.state.pool.connection() as connection:
        rows = await connection.execute(
            "SELECT name, encode(sha256, 'hex') AS sha256, board, created_at, revoked_at"
            " FROM factory_authorities ORDER BY name"
        )
        return {"authorities": await rows.fetchall()}


@router.delete("/{name}")
async def withdraw(name: Name, request: Request) -> dict:
    """It vouches for no further device; those that have enrolled stay."""
    state = request.app.state
    async with state.pool.connection() as connection:
        done = await connection.execute(
            "UPDATE factory_authorities SET revoked_at = %s WHERE name = %s AND revoked_at IS NULL",
            [state.clock(), name],
        )
        if not done.rowcount:
            raise Refused(404, f"there is no factory authority {name!r} in force")
        who = request.state.who.name
        await audit(connection, state.clock(), who, "factory.withdrawn", f"factory:{name}")
    return {"name": name}


async def check(
    connection: Connection, voucher: Voucher, csr: str, device_id: str, board: str, now: datetime
) -> str:
    """The name of the factory authority that vouches for this request; refuses with 403."""
    certificate = _device_certificate(voucher.certificate)
    names = [each.value for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [device_id]:
        raise Refused(403, f"factory certificate is for {names}, not {device_id!r}")
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise Refused(403, f"factory certificate is not valid at {now:%Y-%m-%d}")
    authority = await _issuer(connection, certificate, now)
    if authority["board"] not in (None, board):
        raise Refused(403, f"factory {authority['name']} vouches for board {authority['board']}, not {board}")
    _check_signature(certificate, voucher.signature, b64decode(csr))
    return authority["name"]


async def _issuer(connection: Connection, certificate: x509.Certificate, now: datetime) -> dict:
    rows = await connection.execute(
        "SELECT name, der, board FROM factory_authorities WHERE revoked_at IS NULL"
    )
    for row in await rows.fetchall():
        authority = x509.load_der_x509_certificate(row["der"])
        try:
            certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature):
            continue  # another's
        if authority.not_valid_after_utc <= now:
            raise Refused(403, f"factory authority {row['name']} ran out")
        return row
    raise Refused(403, "factory certificate is by no registered factory authority")


def _device_certificate(text: str) -> x509.Certificate:
    try:
        certificate = x509.load_der_x509_certificate(b64decode(text, validate=True))
        key = certificate.public_key()
        constraints = [e.value for e in certificate.extensions if isinstance(e.value, x509.BasicConstraints)]
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension) as error:
        raise Refused(403, f"factory certificate can't be read: {error}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise Refused(403, "factory certificate has no key on P-256")
    if any(each.ca for each in constraints):
        raise Refused(403, "factory certificate is an authority's, not a device's")
    return certificate


def _check_signature(certificate: x509.Certificate, signature: str, csr: bytes) -> None:
    try:
        raw = b64decode(signature, validate=True)
        if len(raw) != 64:
            raise Refused(403, f"factory signature has {len(raw)} bytes, not 64")
        pair = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(pair, topics.FACTORY_CONTEXT + csr, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        raise Refused(403, "factory signature is not of this request by the key of the certificate") from None


def _authority(pem: str, now: datetime) -> x509.Certificate:
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion, x509.ExtensionNotFound) as error:
        raise Refused(422, f"certificate: not one of an authority in PEM: {error}") from error
    if not constraints.ca:
        raise Refused(422, "certificate: it is not an authority's (basic constraints)")
    if certificate.not_valid_after_utc <= now:
        raise Refused(422, f"certificate: it ran out at {certificate.not_valid_after_utc:%Y-%m-%d}")
    return certificate


_DER = serialization.Encoding.DER
