"""Files onto a MicroPython board by mpremote: the device under test, or the rig's own Pico."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hil.errors import RigFault

ROOT = Path(__file__).parent.parent
_LIMIT_S = 120

# what a rig's Pico has on its file system
_FIRMWARE = [
    ROOT / "hil" / "frames.py",
    *sorted(file for file in (ROOT / "hil" / "pico").glob("*.py") if file.name != "main.py"),
]


def put(port: str, files: Mapping[str, Path | bytes]) -> None:
    """Write {path on the board: file or bytes} and reset it. RigFault with mpremote's words if it can't be done."""
    with tempfile.TemporaryDirectory() as folder:
        for path, content in files.items():
            target = Path(folder) / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        _mpremote(port, "cp", "-r", *map(str, sorted(Path(folder).iterdir())), ":/")
    _mpremote(port, "reset")


def rig_firmware() -> dict[str, Path | bytes]:
    """{path on the Pico: file} of the rig's firmware."""
    files: dict[str, Path | bytes] = {"/hil/__init__.py": b"", "/main.py": ROOT / "hil" / "pico" / "main.py"}
    return files | {"/" + file.relative_to(ROOT).as_posix(): file for file in _FIRMWARE}


def flash_rig(port: str) -> None:
    """Put the rig's firmware on a Pico with MicroPython, and start it."""
    put(port, rig_firmware())


def _mpremote(port: str, *command: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "mpremote", "connect", port, *command],
        capture_output=True, text=True, timeout=_LIMIT_S,
    )  # fmt: skip
    if run.returncode:
        raise RigFault(f"mpremote {command[0]} on {port} failed:\n{run.stdout}{run.stderr}")
