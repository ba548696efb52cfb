"""Device code run by real MicroPython, on data that other implementations of the same standards made."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools.virtual.interpreter import MICROPYTHON

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def on_device() -> Callable[..., Any]:
    """`on_device(script, *arguments)`: runs it in MicroPython; what it prints last is JSON, and returned."""

    def run(script: str, *arguments: object) -> Any:
        command = [*MICROPYTHON, "-X", "heapsize=256K", "-c", script, *map(str, arguments)]
        env = {**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run
