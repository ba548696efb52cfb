"""The revocation list: issued a moment after a revocation, daily besides, and written where a broker reads it.

A list has all that is revoked, so one is made for all revocations of a second, and not for each: HTTP asks
PostgreSQL, and a broker has seconds (docs/decisions/0038-one-list-for-many.md). The list lives in PostgreSQL too. Each
process of the service that has FIELDREC_CRL_FILE copies it there.
"""

import asyncio
import logging
import secrets
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import APIRouter, Request, Response
from psycopg_pool import PoolTimeout

from cloud import pki
from cloud.access import READ
from cloud.db import Connection, Pool
from cloud.web import Clock

LOOK_EVERY_S = 1.0
REST_S = 1.0  # from one list to the next
RENEW_AFTER = timedelta(days=1)
KEPT = timedelta(days=1)  # in the list after it ran out, for clocks that are behind

log = logging.getLogger(__name__)
router = APIRouter(dependencies=READ)


@router.get("/v1/crl", response_class=Response)
async def revocation_list(request: Request) -> Response:
    """In DER, as RFC 5280 section 5 has it."""
    async with request.app.state.pool.connection() as connection:
        row = await (await connection.execute("SELECT der FROM revocation_list")).fetchone()
    return Response(row["der"], media_type="application/pkix-crl")


async def reissue(connection: Connection, authority: pki.Authority, now: datetime) -> None:
    """Sign a list of all that is revoked, with the next number, if there is need: the lock lets one do so at a time.

    What is revoked while it signs is not `listed`, and so in the next one.
    """
    await connection.execute("SELECT FROM revocation_list FOR UPDATE")
    row = await _standing(connection, now)
    if not _due(row, now):
        return  # another process was first
    rows = await connection.execute(_REVOKED, [now - KEPT])
    found = await rows.fetchall()
    revoked = [(int(each["serial"], 16), each["revoked_at"]) for each in found]
    # in a thread: with thousands in it, signing takes a while, and others are served meanwhile
    crl = await asyncio.to_thread(pki.revocation_list, authority, revoked, row["number"] + 1, now)
    der = crl.public_bytes(Encoding.DER)
    new = [each["serial"] for each in found if not each["listed"]]
    await connection.execute("UPDATE certificates SET listed = true WHERE serial = ANY(%s)", [new])
    await connection.execute(
        "UPDATE revocation_list SET number = number + 1, der = %s, issued_at = %s", [der, now]
    )


async def _standing(connection: Connection, now: datetime) -> dict:
    (row,) = await (await connection.execute(_STANDING, [now - KEPT])).fetchall()
    return row


def _due(row: dict, now: datetime) -> bool:
    return row["unlisted"] or row["issued_at"] is None or row["issued_at"] + RENEW_AFTER <= now


class Lists:
    """Keeps the list fresh, and `file` (None: no file) as it is in the database. `wake` makes it look at once."""

    def __init__(self, pool: Pool, authority: pki.Authority, clock: Clock, file: Path | None):
        self.wake = asyncio.Event()
        self._pool, self._authority, self._clock, self._file = pool, authority, clock, file
        self._written = -1

    async def begin(self) -> None:
        """There is a list, and it is where it belongs, before the service answers."""
        await self._look()

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self.wake.wait()
            except TimeoutError:
                pass  # time to look all the same: another process may have revoked
            self.wake.clear()
            try:
                await self._look()
            except (psycopg.Error, PoolTimeout, OSError) as error:
                log.error("the revocation list could not be looked after, again in a moment: %s", error)
            await asyncio.sleep(REST_S)  # who is revoked meanwhile is in the next one, with all others

    async def _look(self) -> None:
        row = await self._read()
        if _due(row, self._clock()):
            await self._renew()
            row = await self._read()
        if self._file and row["number"] != self._written:
            number, der = await self._list()
            write(self._file, der)
            self._written = number
            log.info("revocation list %d written to %s", number, self._file)

    async def _read(self) -> dict:
        async with self._pool.connection() as connection:
            return await _standing(connection, self._clock())

    async def _list(self) -> tuple[int, bytes]:
        async with self._pool.connection() as connection:
            (row,) = await (await connection.execute("SELECT number, der FROM revocation_list")).fetchall()
        return row["number"], row["der"]

    async def _renew(self) -> None:
        async with self._pool.connection() as connection:
            await reissue(connection, self._authority, self._clock())


def write(path: Path, der: bytes) -> None:
    """As PEM; who reads meanwhile gets the old list or the new one."""
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    new.write_bytes(pki.pem(x509.load_der_x509_crl(der)))
    new.replace(path)


_STANDING = """
SELECT number, issued_at, EXISTS (
    SELECT FROM certificates WHERE revoked_at IS NOT NULL AND NOT listed AND expires_at > %s
) AS unlisted FROM revocation_list
"""

_REVOKED = """
SELECT serial, revoked_at, listed FROM certificates WHERE revoked_at IS NOT NULL AND expires_at > %s
"""
