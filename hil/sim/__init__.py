"""A rig without hardware: its firmware in MicroPython's unix port behind a pseudo-terminal, its pins simulated."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import tty
from pathlib import Path

from tools.virtual.interpreter import MICROPYTHON

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
_END_S = 5


class SimulatedPico:
    """`port` is its serial port. `bench`: what is on its wires, as in hil/sim/bench.py."""

    def __init__(self, bench: dict | None = None):
        self._ours, theirs = pty.openpty()
        tty.setraw(theirs)
        path = f"{HERE}:{ROOT}:.frozen"
        env = {**os.environ, "MICROPYPATH": path, "FIELDREC_RIG_SIM": json.dumps(bench or {})}
        self._process = subprocess.Popen(
            [*MICROPYTHON, "-X", "heapsize=4M", "-c", "from hil.pico import rig; rig.run()"],
            env=env, stdin=self._ours, stdout=self._ours, stderr=subprocess.PIPE, cwd=HERE,
        )  # fmt: skip
        self._theirs = theirs
        self.port = os.ttyname(theirs)

    def freeze(self) -> None:
        """It hangs from now on."""
        self._process.send_signal(signal.SIGSTOP)

    def end(self) -> str:
        """Pull its plug; what it said in its last words."""
        self._process.kill()
        _, words = self._process.communicate(timeout=_END_S)
        for fd in (self._ours, self._theirs):
            os.close(fd)
        return words.decode(errors="replace")

    def __enter__(self) -> SimulatedPico:
        return self

    def __exit__(self, *exc: object) -> None:
        self.end()
