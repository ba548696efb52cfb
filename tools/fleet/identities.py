"""Who the simulated devices are: certificates signed here with the cloud's own CA, and their rows, both in bulk.

Enrolling one by one by claim is what a factory does (`by_claims`); it costs two requests for each device. For
thousands on a test cloud whose CA key is at hand, `sign` and `store` do what enrolment does, a whole set at a time.
"""

import asyncio
import json
import os
import ssl
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

import httpx
import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cloud import pki

ENROL_AT_ONCE = 16


class Identity(NamedTuple):
    """One key serves a whole simulated fleet: what is tried is the cloud, not the devices' keys."""

    id: str
    der: bytes  # its certificate
    key: bytes  # PEM

    def context(self, ca: str) -> ssl.SSLContext:
        """For a client that trusts the CA in the file `ca` only. No file is written: OpenSSL reads from memory."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(ca)
        with os.fdopen(os.memfd_create(self.id), "wb") as file:
            file.write(ssl.DER_cert_to_PEM_cert(self.der).encode() + self.key)
            file.flush()
            context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
        return context


def names(count: int, prefix: str = "sim") -> list[str]:
    return [f"{prefix}-{number:05}" for number in range(count)]


def sign(
    ids: Iterable[str], authority: pki.Authority, each: Callable[[], object] = lambda: None
) -> list[Identity]:
    """`each` is called after every one, for a progress bar."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem, made = pki.key_pem(key), []
    for device_id in ids:
        made.append(Identity(device_id, pki.sign_device_csr(_csr(device_id, key), device_id, authority), pem))
        each()
    return made


def store(postgres_url: str, fleet: list[Identity], board: str = "virtual", version: str = "1.0.0") -> None:
    """The rows that enrolment would make: devices, certificates, and one line of audit for all of them."""
    now = datetime.now(UTC)
    with psycopg.connect(postgres_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO devices (id, board, app_version, runtime_version, enrolled_at)"
            " SELECT id, %s, %s, '1.26.0', %s FROM unnest(%s::text[]) AS d (id)"
            " ON CONFLICT (id) DO UPDATE SET board = EXCLUDED.board, app_version = EXCLUDED.app_version",
            [board, version, now, [each.id for each in fleet]],
        )
        columns = "(serial, device_id, der, issued_at, expires_at)"
        with cursor.copy(f"COPY certificates {columns} FROM STDIN") as copy:
            for each in fleet:
                found = x509.load_der_x509_certificate(each.der)
                serial = format(found.serial_number, "x")
                copy.write_row([serial, each.id, each.der, now, found.not_valid_after_utc])


async def by_claims(
    url: str,
    ca: str,
    token: str,
    ids: list[str],
    each: Callable[[], object] = lambda: None,
    board: str = "virtual",
) -> list[Identity]:
    """As a factory and its devices do: a claim for each, and with it an enrolment. `url`: of registration."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem, at_once = pki.key_pem(key), asyncio.Semaphore(ENROL_AT_ONCE)
    trusted = ssl.create_default_context(cafile=ca)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, verify=trusted, timeout=30, trust_env=False) as client:

        async def enrol(device_id: str) -> Identity:
            async with at_once:
                claim = await client.post("/v1/claims", json={"device_id": device_id}, headers=headers)
                claim.raise_for_status()
                asked = _enrolment(device_id, claim.json()["token"], _csr(device_id, key), board)
                answer = await client.post("/v1/enrol", json=asked)
                answer.raise_for_status()
                each()
                return Identity(device_id, b64decode(answer.json()["certificate"]), pem)

        return await asyncio.gather(*map(enrol, ids))


def _enrolment(device_id: str, token: str, csr: bytes, board: str) -> dict:
    versions = {"app": "1.0.0", "runtime": "1.26.0"}
    asked = {"v": 1, "device_id": device_id, "token": token, "board": board, "versions": versions}
    return json.loads(json.dumps(asked | {"csr": b64encode(csr).decode()}))


def _csr(device_id: str, key: ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device_id)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)
