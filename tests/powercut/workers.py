"""MicroPython processes that cut power at points, as many at a time as there are processors."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.powercut.points import Point
from tools.virtual import rombuild
from tools.virtual.interpreter import MICROPYTHON

ROOT = Path(__file__).parents[2]
HEAP = "96M"
HANG_S = 60  # of the host's time; a point takes less than one
_NEVER_US = 1 << 60
_UTC_S = 1_767_225_600


@dataclass(frozen=True)
class Run:
    """The uncut run: how many bytes each operation programs, 0 for an erase; the operations done at each start."""

    operations: list[int]
    starts: list[int]
    digest: str


@dataclass
class Outcome:
    """`ran`: "old" or "new", what ran first after the last cut; `bricked`: what is wrong, or nothing."""

    point: Point
    ran: str | None = None
    bricked: str = ""
    said: list[str] = field(default_factory=list)


def boot_message(folder: Path, cut: Point | None = None) -> str:
    """What a board's power-up stage begins with, and all the time in the world (tools/virtual/rom/sim)."""
    message = {
        "world": None, "cause": "power", "wake": "", "wake_signals": [], "rtc": "", "seed": 1, "real": False,
        "rate": 1.0, "utc_s": _UTC_S, "folder": str(folder / "board"), "unique_id": "0" * 12, "cut": cut,
        "wdt_due_us": _NEVER_US, "ticks_offset_us": 0, "raw_repl": False, "repl": False, "running": "ota_0",
        "fault": "", "flash_ops": 0, "rollback": True,
    }  # fmt: skip
    return json.dumps(message) + "\n" + json.dumps({"grant": 1, "until": _NEVER_US // 2}) + "\n"


@contextlib.contextmanager
def interpreter(
    script: str, *arguments: object, down: int, up: int, root: Path = ROOT
) -> Iterator[subprocess.Popen]:
    """A script of this folder, with the firmware in `root`, on the virtual board's rom; it is killed at the end."""
    place = str(Path(__file__).with_name(script))
    command = [*MICROPYTHON, "-X", f"heapsize={HEAP}", place, *map(str, arguments)]
    added = {"MICROPYPATH": f"{rombuild.rom()}:{root}:.frozen", "FIELDREC_BOARD_FDS": f"{down},{up}"}
    pipe: dict = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "pass_fds": (down, up)}
    with subprocess.Popen(command, env=os.environ | added, **pipe) as process:
        try:
            yield process
        finally:
            process.kill()


class InterpreterError(Exception):
    """The interpreter hung or ended by itself; the text has its last words."""


class Workers:
    """Of a scenario in `folder`, with the firmware in `root`."""

    def __init__(self, folder: Path, root: Path = ROOT) -> None:
        self.folder, self._root = folder, root
        rombuild.rom()  # before threads ask for it

    def describe(self) -> Run:
        """The uncut run."""
        (run,) = self._told([])
        return Run(run["operations"], run["starts"], run["digest"])

    def images(self, points: list[Point]) -> dict[Point, str]:
        """SHA-256 of the flash when power goes at each of these points, which are in order."""
        _, *told = self._told(points, "images")
        return {tuple(one["point"]): one["image"] for one in told}

    def cut(
        self, points: list[Point], on_outcome: Callable[[Outcome], None], jobs: int | None = None
    ) -> None:
        """Cut power at each of the points. `on_outcome` is called from other threads."""
        count = jobs or os.cpu_count() or 1
        points = sorted(points, key=lambda point: point[:2])
        with ThreadPoolExecutor(count) as pool:
            for done in [pool.submit(self._cut, points[i::count], on_outcome) for i in range(count)]:
                done.result()

    def _cut(self, points: list[Point], on_outcome: Callable[[Outcome], None]) -> None:
        while points:
            done = 0
            try:
                for told in self._told(points):
                    if "point" in told:
                        done += 1
                        on_outcome(Outcome(**told))
            except InterpreterError as error:  # at the point that was next
                on_outcome(Outcome(points[done], bricked=str(error)))
                done += 1
            points = points[done:]

    def _told(self, points: list[Point], *what: str) -> Iterator[dict]:
        """What the worker says. InterpreterError if it says less than it should."""
        with tempfile.TemporaryDirectory() as loose:
            orders, wanted = Path(loose, "orders"), Path(loose, "points")
            orders.write_text(boot_message(self.folder))
            wanted.write_text(json.dumps(points))
            with open(orders) as down, open(os.devnull, "w") as up:
                ends: dict = {"down": down.fileno(), "up": up.fileno(), "root": self._root}
                with interpreter("device_worker.py", self.folder, wanted, *what, **ends) as process:
                    yield from _lines(process, 1 + len(points))


def is_ready(fd: int | IO[bytes]) -> bool:
    return bool(select.select([fd], [], [], HANG_S)[0])


def _lines(process: subprocess.Popen, count: int) -> Iterator[dict]:
    assert process.stdout is not None
    received, strange = b"", b""
    while count:
        if not is_ready(process.stdout):
            raise InterpreterError(f"no word for {HANG_S} s: it hangs")
        data = os.read(process.stdout.fileno(), 1 << 16)
        if not data:
            raise InterpreterError(f"the interpreter ended: {strange.decode(errors='replace')[-1000:]}")
        *lines, received = (received + data).split(b"\n")
        for line in lines:
            if line.startswith(b"\x1e"):
                count -= 1
                yield json.loads(line[1:])
            else:
                strange += line + b"\n"
