"""Databases for tests, on the PostgreSQL of the stores: an URL for as long as it lasts."""

import asyncio
import functools
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg

from cloud.db import database
from cloud.processes import Cloud as Stores


@contextmanager
def empty(stores: Stores) -> Iterator[str]:
    with _made(stores.settings.postgres_url) as url:
        yield url


def clear(stores: Stores) -> None:
    """Empty the stores' own database, the one that the broker's keeper knows."""
    with psycopg.connect(stores.settings.postgres_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


@contextmanager
def migrated(stores: Stores) -> Iterator[str]:
    """With every migration, but no rows: copied, it is there several times faster than made."""
    main = stores.settings.postgres_url
    with _made(main, f"TEMPLATE {_pattern(main)} STRATEGY FILE_COPY") as url:
        yield url


@contextmanager
def _made(main: str, how: str = "") -> Iterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(main, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} {how}")
    yield _beside(main, name)
    with psycopg.connect(main, autocommit=True) as connection:  # a new one: a test may have killed the server
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@functools.cache
def _pattern(main: str) -> str:
    """Name of the database that others are copies of."""
    name = f"pattern_{secrets.token_hex(6)}"
    with psycopg.connect(main, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    with ThreadPoolExecutor(1) as thread:  # who asks may be in a loop of its own
        thread.submit(lambda: asyncio.run(_migrate(_beside(main, name)))).result()
    return name


async def _migrate(url: str) -> None:
    async with database(url):
        pass


def _beside(main: str, name: str) -> str:
    return f"{main.rsplit('/', 1)[0]}/{name}"
