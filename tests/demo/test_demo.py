"""The demo, as a person runs it."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

FIELDREC = Path(sys.executable).with_name("fieldrec")


@pytest.fixture
def folder():
    """As root, PostgreSQL runs as another user, who can't enter pytest's own folders."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def test_every_row_holds_and_nothing_is_left(folder):
    run = subprocess.run(
        [FIELDREC, "demo", "--json"],
        capture_output=True,
        text=True,
        timeout=400,
        env={"TMPDIR": str(folder), "PATH": "/usr/bin:/bin"},
    )
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    assert run.returncode == 0, run.stderr[-3000:]
    assert [row["row"] for row in rows] == ["a1", "a2", "a3", "a4", "a5", "b", "c", "d", "e", "f", "g"]
    assert all(row["holds"] and row["measured"] for row in rows)
    assert list(folder.iterdir()) == []
