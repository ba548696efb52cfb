"""Collects `mp_*.py`: tests of device code, each run inside a real MicroPython interpreter."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MICROPYTHON = str(Path(sys.executable).with_name("micropython"))


class DeviceTestFailed(Exception):
    """A test failed inside MicroPython; the text is its traceback there."""


class DeviceTest(pytest.Item):
    def runtest(self) -> None:
        env = {**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"}
        command = [
            MICROPYTHON,
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


pytest_plugins = ["tests.device_fixtures"]
