"""The demo, as a person runs it."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import pytest

FIELDREC = Path(sys.executable).with_name("fieldrec")


@pytest.fixture
def folder():
    """As root, PostgreSQL runs as another user, who can't enter pytest's own folders."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.mark.timeout(400)
def test_every_row_holds_and_nothing_is_left(folder):
    run = subprocess.Popen(
        [FIELDREC, "demo", "--json", "--keep"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"TMPDIR": str(folder), "PATH": "/usr/bin:/bin"},
        start_new_session=True,
    )
    said = ""
    for line in run.stderr:
        said += line
        if "Ctrl-C stops them" in line:
            look_around(re.findall(r"http://\S+/link/\S+", said)[-1])
            os.killpg(run.pid, signal.SIGINT)  # Ctrl-C in its terminal
    rows = [json.loads(line) for line in run.communicate()[0].splitlines()]
    assert run.returncode == 0, said[-3000:]
    assert [row["row"] for row in rows] == ["a1", "a2", "a3", "a4", "a5", "b", "c", "d", "e", "f", "g"]
    assert all(row["holds"] and row["measured"] for row in rows)
    assert list(folder.iterdir()) == []


def look_around(link: str) -> None:
    """Sign in at the dashboard that was left running, with the link that it printed."""
    with httpx.Client(follow_redirects=True, timeout=20, trust_env=False) as browser:
        assert "Continue" in browser.get(link).text
        devices = browser.post(link)
        assert devices.status_code == 200 and devices.url.path == "/devices"
