"""Migration 0004 on a database in which campaigns are under way."""

import shutil

import psycopg
from psycopg.rows import dict_row

from cloud import db
from tests.cloud.conftest import empty_database_url

__all__ = ["empty_database_url"]  # a fixture

_BEFORE = """
INSERT INTO devices (id, board, app_version, enrolled_at)
    SELECT 'dev-' || n, 'virtual', '1.0.0', now() FROM generate_series(1, 4) n;
INSERT INTO releases VALUES (repeat('a', 64), 'app', 'fieldrec', '1.1.0', 1, '{virtual}', '{}', '{}', 1, 'k', now());
INSERT INTO campaigns (release_digest, filter, success_threshold, error_threshold, step_timeout_s, forced, status,
    created_at) VALUES (repeat('a', 64), '{}', 1, 0.5, 600, false, 'RUNNING', now());
INSERT INTO campaign_groups VALUES (1, 0, 'canary', 3, 'RUNNING'), (1, 1, 'rest', 1, 'WAITING');
INSERT INTO campaign_members SELECT 1, id, CASE id WHEN 'dev-4' THEN 1 ELSE 0 END FROM devices;
INSERT INTO jobs (campaign_id, group_number, device_id, kind, status, created_at, notified_at, ended_at, detail) VALUES
    (1, 0, 'dev-1', 'app', 'SUCCEEDED', now(), now(), now(), ''),
    (1, 0, 'dev-2', 'app', 'FAILED', now(), now(), now(), 'gauge'),
    (1, 0, 'dev-3', 'app', 'QUEUED', now(), NULL, NULL, '');
INSERT INTO audit (at, who, what, subject) VALUES (now(), 'admin', 'campaign.created', 'campaign:1');
"""


async def test_campaigns_go_on(empty_database_url, tmp_path):
    for path in db.MIGRATIONS.glob("000[123]_*.sql"):
        shutil.copy(path, tmp_path)
    async with await psycopg.AsyncConnection.connect(empty_database_url, row_factory=dict_row) as connection:
        await db.migrate(connection, tmp_path)
        await connection.execute(_BEFORE)
        await connection.commit()
        await db.migrate(connection)
        progress = await (await connection.execute("SELECT * FROM group_progress ORDER BY number")).fetchall()
        counts = [(row["succeeded"], row["failed"], row["active"]) for row in progress]
        assert counts == [(1, 1, 1), (0, 0, 0)]
        await connection.execute(
            "UPDATE jobs SET status = 'FAILED', ended_at = now() WHERE device_id = 'dev-3'"
        )
        failures = await (await connection.execute("SELECT * FROM failures ORDER BY device_id")).fetchall()
        assert [(row["device_id"], row["failures"]) for row in failures] == [("dev-2", 1), ("dev-3", 1)]
        (canary, _) = await (
            await connection.execute("SELECT * FROM group_progress ORDER BY number")
        ).fetchall()
        assert (canary["failed"], canary["active"]) == (2, 0)
