"""Migrations beneath programs that go on: the rule, and that nobody waits behind one for a table."""

import asyncio
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from cloud import db
from tests import databases
from tests.deploy import rules

_ONE = "CREATE TABLE one (id integer);"


@pytest.mark.parametrize("path", sorted(db.MIGRATIONS.glob("*.sql")), ids=lambda path: path.name)
def test_each_migration_says_truly_who_goes_on(path: Path):
    assert rules.broken(path) == []


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE a;",
        "ALTER TABLE a DROP COLUMN b;",
        "ALTER TABLE a RENAME TO b;",
        "ALTER TABLE a ALTER COLUMN b TYPE bigint;",
        "ALTER TABLE a ALTER COLUMN b SET NOT NULL;",
        "ALTER TABLE a ADD COLUMN b integer NOT NULL;",
        "ALTER TABLE a ADD COLUMN c text, ADD COLUMN b integer NOT NULL, ADD COLUMN d text DEFAULT '';",
        "ALTER TABLE a ADD CONSTRAINT b CHECK (c > 0);",
        "CREATE UNIQUE INDEX b ON a (c);",
    ],
)
def test_what_harms_is_found(sql: str, tmp_path: Path):
    (path := tmp_path / "0042_it.sql").write_text(sql)
    assert rules.broken(path) == []  # it does not say that anybody goes on
    path.write_text(f"-- oldest: 0041\n{sql}")
    assert len(rules.broken(path)) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE a (b integer NOT NULL); CREATE UNIQUE INDEX c ON a (b);",
        "ALTER TABLE a ADD COLUMN b integer NOT NULL DEFAULT 0, ADD COLUMN c text;",
        "ALTER TABLE a ADD CONSTRAINT b CHECK (c > 0) NOT VALID;",
        "CREATE INDEX b ON a (c); -- nothing is dropped: no DROP TABLE",
    ],
)
def test_what_only_adds_has_to_say_so(sql: str, tmp_path: Path):
    (path := tmp_path / "0042_it.sql").write_text(sql)
    assert rules.broken(path) == ["0042_it.sql only adds: begin it with `-- oldest: 0041`"]
    path.write_text(f"-- oldest: 0041\n{sql}")
    assert rules.broken(path) == []


@pytest.fixture
async def connection(stores):
    """To an empty database."""
    databases.clear(stores)
    main = stores.settings.postgres_url
    async with await psycopg.AsyncConnection.connect(main, autocommit=True, row_factory=dict_row) as made:
        yield made


async def test_an_older_program_starts_again_beside_what_only_adds(connection, tmp_path):
    (tmp_path / "0001_one.sql").write_text(_ONE)
    (two := tmp_path / "0002_two.sql").write_text("-- oldest: 0001\nALTER TABLE one ADD COLUMN b text;")
    assert await db.migrate(connection, tmp_path) == [1, 2]
    two.unlink()
    assert await db.migrate(connection, tmp_path) == []  # the older program
    two.write_text("-- oldest: 0001\nALTER TABLE one ADD COLUMN b text;")
    (three := tmp_path / "0003_three.sql").write_text("ALTER TABLE one DROP COLUMN b;")
    assert await db.migrate(connection, tmp_path) == [3]
    three.unlink()
    with pytest.raises(db.MigrationError, match=r"has migrations \[3\], unknown here"):
        await db.migrate(connection, tmp_path)


async def test_nobody_waits_behind_a_migration_for_a_table(connection, stores, tmp_path, monkeypatch):
    monkeypatch.setattr(db, "LOCK_WAIT_MS", 200)
    monkeypatch.setattr(db, "LOCK_PAUSE_S", 0.5)
    (tmp_path / "0001_one.sql").write_text(f"{_ONE} CREATE TABLE two (id integer);")
    await db.migrate(connection, tmp_path)
    (tmp_path / "0002_two.sql").write_text("-- oldest: 0001\nALTER TABLE two ADD COLUMN b text;")
    (tmp_path / "0003_one.sql").write_text("-- oldest: 0002\nALTER TABLE one ADD COLUMN b text;")
    url = stores.settings.postgres_url
    async with await psycopg.AsyncConnection.connect(url) as backup:
        await backup.execute("SELECT FROM one")  # as a backup does, whose transaction goes on
        migrating = asyncio.create_task(db.migrate(connection, tmp_path))
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as service:
            await service.execute("SET statement_timeout = 1000")
            for _ in range(20):
                await service.execute("INSERT INTO one VALUES (1)")
                await service.execute("INSERT INTO two VALUES (1)")  # done with, while the next one waits
                await asyncio.sleep(0.05)
        assert not migrating.done()
    assert await migrating == [2, 3]
