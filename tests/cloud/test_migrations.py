"""Migrations are applied once, in order, each whole or not at all."""

import asyncio
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from cloud.db import MigrationError, migrate


async def run(url: str, folder: Path) -> list[int]:
    async with await psycopg.AsyncConnection.connect(url, row_factory=dict_row) as connection:
        return await migrate(connection, folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (id integer);")
    (tmp_path / "0002_two.sql").write_text("CREATE TABLE two (id integer); INSERT INTO one VALUES (1);")
    return tmp_path


async def test_of_many_at_once_one_migrates(empty_database_url, folder):
    applied = await asyncio.gather(*(run(empty_database_url, folder) for _ in range(5)))
    assert sorted(version for each in applied for version in each) == [1, 2]
    (folder / "0003_three.sql").write_text("CREATE TABLE three (id integer);")
    assert await run(empty_database_url, folder) == [3]


async def test_broken_migration_leaves_nothing_of_itself(empty_database_url, folder):
    (folder / "0003_broken.sql").write_text("CREATE TABLE three (id integer); SELECT nonsense;")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        await run(empty_database_url, folder)
    (folder / "0003_broken.sql").write_text("CREATE TABLE three (id integer);")
    assert await run(empty_database_url, folder) == [3]


async def test_newer_database_or_late_file_is_refused(empty_database_url, folder):
    await run(empty_database_url, folder)
    (folder / "0002_two.sql").unlink()
    with pytest.raises(MigrationError, match=r"has migrations \[2\], unknown here"):
        await run(empty_database_url, folder)
    (folder / "0002_two.sql").write_text("")
    (folder / "0000_late.sql").write_text("")
    with pytest.raises(MigrationError, match=r"\[0\] come before"):
        await run(empty_database_url, folder)
