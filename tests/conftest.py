"""Collects `mp_*.py`: tests of device code, each run inside a real MicroPython interpreter."""

import ast
import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from tools.virtual.interpreter import MICROPYTHON

ROOT = Path(__file__).parent.parent

MEMORY, ROOMY_BYTES = Path("/dev/shm"), 6 << 30

if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOMY_BYTES:
    # a database is hundreds of files: ext4 without a journal takes ten times as long to make one, after others went
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)

if (
    signal.getsignal(signal.SIGINT) == signal.SIG_IGN
):  # a shell's `&`: programs under test inherit it, and get Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)


class DeviceTestFailed(Exception):
    """A test failed inside MicroPython; the text is its traceback there."""


class DeviceTest(pytest.Item):
    def runtest(self) -> None:
        env = {**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"}
        command = [
            *MICROPYTHON,
            "-X",
            "heapsize=1M",
            str(ROOT / "tests/mp_runner.py"),
            str(self.path),
            self.name,
        ]
        run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, cwd=ROOT)
        reports = [json.loads(line[1:]) for line in run.stdout.split("\n") if line.startswith("\x1e")]
        if not reports:
            raise DeviceTestFailed(f"the interpreter ended with {run.returncode}:\n{run.stdout}{run.stderr}")
        if reports[0]["error"]:
            raise DeviceTestFailed(reports[0]["error"])

    def repr_failure(self, excinfo, style=None):
        if excinfo.errisinstance(DeviceTestFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


class DeviceTestFile(pytest.File):
    def collect(self):
        for node in ast.parse(self.path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield DeviceTest.from_parent(self, name=node.name)


def pytest_collect_file(file_path: Path, parent):
    if file_path.name.startswith("mp_") and file_path.suffix == ".py" and file_path.name != "mp_runner.py":
        return DeviceTestFile.from_parent(parent, path=file_path)
    return None


def pytest_collection_modifyitems(items):
    """The longest files first: a worker that came to one last would leave the others waiting for it."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


LONGEST = ("tests/properties/test_lives", "tests/properties/test_more_lives")
pytest_plugins = ["hil.plugin", "pytester", "tests.cloud_fixtures", "tests.device_fixtures"]
