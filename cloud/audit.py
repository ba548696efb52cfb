"""The audit log's chain: each row's hash is over itself and the hash before, so no row can be changed or left out.

Rows are written in many transactions at once, and sealed afterwards by the one process that leads: their numbers in
the chain have no gaps. Whoever holds the database can forge a whole chain, but not one that ends in a hash that was
noted elsewhere: the scheduler logs it, and `fieldrec cloud audit verify` shows it and compares it.
"""

import hashlib
import json
import logging
import re
from collections.abc import Iterable
from datetime import UTC, datetime

from cloud.db import CHANGE, WHY, Connection, change_hash

BATCH = 2_000
START = bytes(32)  # in place of a hash before the first row
LOGGED_EVERY = 1_000  # rows

_MARK = re.compile(f"{CHANGE}[0-9a-f]{{64}}$")

log = logging.getLogger(__name__)


class ChainBroken(Exception):
    """A row is not what was sealed; the text says which."""


def hash_of(before: bytes, row: dict) -> bytes:
    """SHA-256 over the hash before and the row's own columns; `at` is a datetime."""
    at = row["at"].astimezone(UTC).isoformat(timespec="microseconds")
    own = [row["seal"], row["id"], at, row["who"], row["what"], row["subject"], row["why"]]
    return hashlib.sha256(
        before + json.dumps(own, ensure_ascii=False, separators=(",", ":")).encode()
    ).digest()


def check(rows: Iterable[dict], seal: int = 0, before: bytes = START) -> tuple[int, bytes]:
    """(number, hash) of the last of `rows`, which follow that one. Raises ChainBroken."""
    for row in rows:
        seal += 1
        if row["seal"] != seal:
            raise ChainBroken(f"row {seal} of the chain is missing, {row['seal']} is there")
        sealed = _sealed_why(row)
        if sealed is None or (expected := hash_of(before, row | {"why": sealed})) != bytes(row["hash"]):
            raise ChainBroken(
                f"row {seal} of the chain ({row['what']} of {row['subject']}) is not what was sealed"
            )
        before = expected
    return seal, before


def _sealed_why(row: dict) -> str | None:
    """`why` with the hash of what it was from and to behind it, as it was sealed (cloud/db.py), shown or not.

    None if that hash is there and what it is of is not.
    """
    before, after, why = row.get("before"), row.get("after"), row["why"]
    if before is None and after is None:
        return None if _MARK.search(why) else why
    mark = f"{CHANGE}{change_hash(before, after)}"
    return f"{why.removesuffix(mark)}{mark}"


async def seal(connection: Connection) -> bool:
    """Seal what is not yet, in the leader's transaction; whether there is more of it."""
    rows = await (await connection.execute(_UNSEALED, [BATCH])).fetchall()
    if not rows:
        return False
    number, last = await head(connection)
    hashes = []
    for row in rows:
        number += 1
        last = hash_of(last, row | {"seal": number})
        hashes.append((row["id"], number, last))
    ids, numbers, sealed = map(list, zip(*hashes, strict=True))
    await connection.execute(_SEAL, [ids, numbers, sealed])
    if number // LOGGED_EVERY != (number - len(rows)) // LOGGED_EVERY:
        log.info("audit log sealed to row %d, hash %s", number, last.hex())
    return len(rows) == BATCH


async def head(connection: Connection) -> tuple[int, bytes]:
    """(number, hash) of the last sealed row; (0, START) if there is none."""
    row = await (
        await connection.execute(
            "SELECT seal, hash FROM audit WHERE seal IS NOT NULL ORDER BY seal DESC LIMIT 1"
        )
    ).fetchone()
    return (row["seal"], bytes(row["hash"])) if row else (0, START)


async def page(connection: Connection, after: int, limit: int, subject: str | None = None) -> list[dict]:
    """Sealed rows behind the number `after`, in the order of the chain."""
    rows = await connection.execute(_PAGE, {"after": after, "limit": limit, "subject": subject})
    return await rows.fetchall()


def as_read(row: dict) -> dict:
    """A row as JSON gave it, as `check` wants it."""
    at = datetime.fromisoformat(row["at"])
    return row | {"at": at, "hash": bytes.fromhex(row["hash"])}


_UNSEALED = "SELECT id, at, who, what, subject, why FROM audit WHERE seal IS NULL ORDER BY id LIMIT %s"

_SEAL = """
UPDATE audit a SET seal = s.seal, hash = s.hash
FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[]) s (id, seal, hash) WHERE a.id = s.id
"""

_PAGE = f"""
SELECT seal, id, at, who, what, subject, {WHY} AS why, before, after, hash FROM audit
WHERE seal > %(after)s AND (%(subject)s::text IS NULL OR subject = %(subject)s)
ORDER BY seal LIMIT %(limit)s
"""
