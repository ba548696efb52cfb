"""The SPL as a board has it: bytecode, which takes far less heap to load than its source."""

import os
from pathlib import Path
from subprocess import CompletedProcess, run

from tools import firmware
from tools.virtual.interpreter import MICROPYTHON


def unpack(folder: Path) -> Path:
    """Write the SPL's modules to a folder, which is returned."""
    for path, content in firmware.spl_files("virtual").items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def python(spl: Path, heap: str, *arguments: object) -> CompletedProcess[str]:
    """Run MicroPython in the folder `spl`, to import from it, with a heap such as "64K"; the finished process."""
    command = [*MICROPYTHON, "-X", f"heapsize={heap}", *map(str, arguments)]
    env = os.environ | {"MICROPYPATH": f"{spl}:.frozen"}
    return run(command, env=env, capture_output=True, text=True, timeout=120, cwd=spl)
