"""The rig: how long its suite takes beside the time that passes for the device, and how many edges come through."""

import json
import os
import pty
import subprocess
import sys
import tempfile
import time
import tty
from collections.abc import Iterator
from pathlib import Path

from tests.rig.throughput import edges_per_s
from tools.release_build import PROJECT
from tools.virtual.interpreter import MICROPYTHON

_LIMIT_S = 600
_EDGE_BYTES = 8  # in a frame (hil/pico/edges.py)
_PTY_BYTES = 16 << 20
_WRITER = (
    f"import sys\nb = bytes(1024)\nfor _ in range({_PTY_BYTES} // 1024):\n    sys.stdout.buffer.write(b)\n"
)


def measure() -> Iterator[tuple[str, str, str, str]]:
    """running the rig's suite"""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "tests/hil",
            "--rig-report",
            page,
        ]
        run = subprocess.run(
            list(map(str, command)), cwd=PROJECT, capture_output=True, text=True, timeout=_LIMIT_S
        )
        if run.returncode:
            raise SystemExit(f"the suite does not pass:\n{run.stdout[-4000:]}")
        entry = json.loads(page.with_name("hil-history.jsonl").read_text())
    tests, took_s, device_s = sum(entry["counts"].values()), entry["seconds"], entry["device_s"]
    yield (
        f"rig suite, {tests} tests, {len(entry['thresholds'])} thresholds",
        f"{took_s:.0f} s",
        f"the device's time in it: {device_s / 3600:.1f} h",
        f"{device_s / took_s:.0f} x faster",
    )
    edges, alone = edges_per_s(), _pty_bytes_per_s() / _EDGE_BYTES
    yield (
        "edges captured without loss, simulated Pico over a pseudo-terminal",
        f"{edges:.0f} a second",
        f"its interpreter writing as many bytes, without pins or frames: {alone:.0f} a second",
        f"{edges / alone:.1%}",
    )


def _pty_bytes_per_s() -> float:
    """What the same interpreter gets through a pseudo-terminal if it does nothing else."""
    host, board = pty.openpty()
    tty.setraw(board)
    began, left = time.monotonic(), _PTY_BYTES
    with subprocess.Popen([*MICROPYTHON, "-c", _WRITER], stdout=board):
        os.close(board)
        while left > 0:
            left -= len(os.read(host, 65536))
        os.close(host)
    return _PTY_BYTES / (time.monotonic() - began)
