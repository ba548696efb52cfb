"""PostgreSQL: the pool that a service opens in its lifespan, the numbered migrations, and the audit log."""

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from cloud.changes import touch
from cloud.observe import tracing

MIGRATIONS = Path(__file__).with_name("migrations")
POOL_MAX = 10
OPEN_TIMEOUT_S = 30.0
CHANGE = "\x1f"  # in an audit row's `why`: behind it is the hash of what changed
# `why` as a reader is shown it, in SQL; a row that has lost what changed keeps the mark, which tells (cloud/audit.py)
WHY = "CASE WHEN before IS NULL AND after IS NULL THEN why ELSE left(why, -65) END"
NO_NUL = r"^[^\x00]*$"  # of text from outside: PostgreSQL takes none with that character
LOCK_WAIT_MS, LOCK_PAUSE_S, LOCK_TRIES = 2000, 1.0, 200
_OLDEST = "-- oldest: "  # begins the first line of a migration that older programs can live with
_MIGRATION_LOCK = 0x6669656C  # "fiel"; one number for everything that changes the schema

Connection = AsyncConnection[DictRow]
Pool = AsyncConnectionPool[AsyncConnection[DictRow]]

log = logging.getLogger(__name__)


class MigrationError(Exception):
    """The database was migrated further than this program knows, or a migration file is out of order."""


@asynccontextmanager
async def database(url: str) -> AsyncIterator[Pool]:
    """An open pool on a database that has every migration. Rows come as dicts; times are UTC."""
    pool: Pool = AsyncConnectionPool(
        url,
        min_size=1,
        max_size=POOL_MAX,
        open=False,
        timeout=OPEN_TIMEOUT_S,
        kwargs={"row_factory": dict_row, "options": "-c timezone=UTC"},
        configure=tracing.instrument_connection,
        check=tracing.check_connection,
    )
    async with pool:
        await pool.wait(OPEN_TIMEOUT_S)
        async with pool.connection() as connection:
            await migrate(connection)
        yield pool


async def migrate(connection: Connection, folder: Path = MIGRATIONS) -> list[int]:
    """Apply what is missing, each file and its record in one transaction; returns the versions applied.

    A file that begins with `-- oldest: NNNN` leaves programs at work that know the migrations up to NNNN: they go
    on, and may be started again. Without this line no older program works on its database (docs/deploy.md).
    """
    files = {int(path.name[:4]): path for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))}
    applied: list[int] = []
    while True:  # a transaction for each: none holds the tables of another while it waits
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_MIGRATION_LOCK])
            missing = await _missing(connection, files)
            if not missing:
                return applied
            await _apply(connection, missing[0], files[missing[0]])
        applied.append(missing[0])


def oldest(path: Path) -> int:
    """The migration that a program has to know, at least, to work on a database that has this one."""
    first = path.read_text().split("\n", 1)[0]
    return int(first.removeprefix(_OLDEST)) if first.startswith(_OLDEST) else int(path.name[:4])


async def _apply(connection: Connection, version: int, path: Path) -> None:
    """It waits only briefly for the lock of a table, since who comes after it would wait behind it; then again."""
    for _ in range(LOCK_TRIES):
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}")
                await connection.execute(path.read_bytes())
                await connection.execute(
                    "INSERT INTO migrations (version, oldest) VALUES (%s, %s)", [version, oldest(path)]
                )
            log.info("migrated to %s", path.name)
            return
        except psycopg.errors.LockNotAvailable as error:
            log.warning("%s waits for a table that is in use: %s", path.name, error)
            await asyncio.sleep(LOCK_PAUSE_S)  # who holds it doesn't say when it is free
    raise MigrationError(
        f"{path.name}: a table of it is in use all the time; end what holds it, and start again"
    )


async def _missing(connection: Connection, files: dict[int, Path]) -> list[int]:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations"
        " (version integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())"
    )
    await connection.execute("ALTER TABLE migrations ADD COLUMN IF NOT EXISTS oldest integer")
    rows = await (await connection.execute("SELECT version, oldest FROM migrations")).fetchall()
    done = {row["version"]: row["oldest"] or row["version"] for row in rows}
    newest = max(files, default=0)
    if unknown := [version for version in sorted(done) if version not in files and done[version] > newest]:
        raise MigrationError(f"the database has migrations {unknown}, unknown here; run a newer program")
    if stale := [version for version in files if done and version not in done and version < max(done)]:
        raise MigrationError(f"migrations {stale} come before ones already applied; give them higher numbers")
    return [version for version in files if version not in done]


async def audit(
    connection: Connection,
    at: datetime,
    who: str,
    what: str,
    subject: str,
    why: str = "",
    before: dict | None = None,
    after: dict | None = None,
) -> None:
    """Record a change, in the transaction that makes it; `before` and `after`: what it was from and to.

    A hash of both ends `why`, behind CHANGE, so that the chain covers them, whichever version of the program seals it.
    """
    touch(subject)
    why = why.replace(CHANGE, " ")
    if before is not None or after is not None:
        why = f"{why}{CHANGE}{change_hash(before, after)}"
    await connection.execute(
        "INSERT INTO audit (at, who, what, subject, why, before, after) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [at, who, what, subject, why, *(None if each is None else Jsonb(each) for each in (before, after))],
    )


def change_hash(before: Any, after: Any) -> str:
    """SHA-256 as hex over both, as JSON with sorted keys."""
    text = json.dumps([before, after], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
