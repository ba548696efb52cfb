"""PostgreSQL: the pool that a service opens in its lifespan, the numbered migrations, and the audit log."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

MIGRATIONS = Path(__file__).with_name("migrations")
POOL_MAX = 10
OPEN_TIMEOUT_S = 30.0
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
        check=AsyncConnectionPool.check_connection,
    )
    async with pool:
        await pool.wait(OPEN_TIMEOUT_S)
        async with pool.connection() as connection:
            await migrate(connection)
        yield pool


async def migrate(connection: Connection, folder: Path = MIGRATIONS) -> list[int]:
    """Apply what is missing, each file and its record in one transaction; returns the versions applied."""
    files = {int(path.name[:4]): path for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))}
    applied = []
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_MIGRATION_LOCK])
        for version in await _missing(connection, files):
            async with connection.transaction():
                await connection.execute(files[version].read_bytes())
                await connection.execute("INSERT INTO migrations (version) VALUES (%s)", [version])
            log.info("migrated to %s", files[version].name)
            applied.append(version)
    return applied


async def _missing(connection: Connection, files: dict[int, Path]) -> list[int]:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations"
        " (version integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())"
    )
    rows = await (await connection.execute("SELECT version FROM migrations")).fetchall()
    done = {row["version"] for row in rows}
    if unknown := done - set(files):
        raise MigrationError(
            f"the database has migrations {sorted(unknown)}, unknown here; run a newer program"
        )
    if stale := [version for version in files if done and version not in done and version < max(done)]:
        raise MigrationError(f"migrations {stale} come before ones already applied; give them higher numbers")
    return [version for version in files if version not in done]


async def audit(
    connection: Connection, at: datetime, who: str, what: str, subject: str, why: str = ""
) -> None:
    """Record a change, in the transaction that makes it."""
    await connection.execute(
        "INSERT INTO audit (at, who, what, subject, why) VALUES (%s, %s, %s, %s, %s)",
        [at, who, what, subject, why],
    )
