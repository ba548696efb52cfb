"""The demo, as a person runs it."""

import json
import subprocess
import sys
from pathlib import Path

FIELDREC = Path(sys.executable).with_name("fieldrec")


def test_every_row_holds_and_nothing_is_left(tmp_path):
    run = subprocess.run(
        [FIELDREC, "demo", "--json"],
        capture_output=True,
        text=True,
        timeout=400,
        env={"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    assert run.returncode == 0, run.stderr[-3000:]
    assert [row["row"] for row in rows] == ["a1", "a2", "a3", "a4", "a5", "b", "c", "d", "e", "f", "g"]
    assert all(row["holds"] and row["measured"] for row in rows)
    assert list(tmp_path.iterdir()) == []
