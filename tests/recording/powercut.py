"""`python -m tests.recording.powercut`: cut power at every write to the card of a recording, torn writes included.

After each cut the device's own repair runs on what the card then holds. Every file must decode without a complaint,
hold the sound that was heard and nothing else, and lack no more than the last two seconds. A point that fails is
printed as it can be had again: `--scenario video --cut 1234:middle`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.powercut import workers
from tests.recording import pictures, players
from tools.virtual import board as _board  # noqa: F401  # sets the path of what it shares with MicroPython
from tools.virtual import media, rombuild
from tools.virtual.interpreter import MICROPYTHON

TORN = ("none", "sectors", "word", "middle")
SCENARIOS = ("sound", "video")
SECONDS = 90
MOST_MS = 2000
SETTINGS = b'{"segment_s": 20}'
SECRET = bytes(range(32))

Point = tuple[int, str]


@dataclass
class Tally:
    points: int = 0
    lost_ms: int = 0
    undecodable: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, told: dict, undecodable: list[str]) -> None:
        self.points += 1
        self.lost_ms = max(self.lost_ms, told["lost_ms"])
        self.undecodable += len(undecodable)
        if told["lost_ms"] > MOST_MS:
            told["wrong"] += f" {told['lost_ms']} ms lost"
        if told["wrong"] or undecodable:
            self.wrong.append(
                f"{told['point'][0]}:{told['point'][1]} {told['wrong']} {' '.join(undecodable)}"
            )

    def line(self) -> str:
        lost = f"lost at most: {self.lost_ms / 1000:.2f} s, undecodable: {self.undecodable}"
        return f"cut points: {self.points}, {lost}, wrong: {len(self.wrong)}"


class Bench:
    """A recording of `seconds` in `folder` by the firmware in `root`, and power cuts in it."""

    def __init__(
        self, folder: Path, scenario: str, seconds: int = SECONDS, root: Path = workers.ROOT
    ) -> None:
        self.folder, self._seconds, self._root = folder, seconds, root
        self._decoded: dict[str, str] = {}
        media.make(folder / "board", {"etc/seal.key": SECRET, "etc/settings.json": SETTINGS}, None)
        world = {"sound": "counter"}
        if scenario == "video":
            pictures.make(folder / "jpg")
            world["frames"] = str(folder / "jpg")
        first, rest = workers.boot_message(folder).split("\n", 1)
        (folder / "orders").write_text(json.dumps(json.loads(first) | {"world": world}) + "\n" + rest)
        rombuild.rom()

    def writes(self) -> list[int]:
        """How many sectors each write of the recording has."""
        with self._worker(self.folder, "all") as lines:
            return json.loads(next(lines)[1:])["writes"]

    def cut(self, points: list[Point], tally: Tally, jobs: int | None = None) -> Iterator[dict]:
        """Cut at each of the points; what is told of each."""
        count = jobs or os.cpu_count() or 1
        points = sorted(points)
        shares = [points[len(points) * i // count : len(points) * (i + 1) // count] for i in range(count)]
        with ThreadPoolExecutor(count) as pool:
            done: list[dict] = []
            futures = [
                pool.submit(self._cut, i, share, done.append) for i, share in enumerate(shares) if share
            ]
            while done or not all(future.done() for future in futures):
                while done:
                    told = done.pop(0)
                    tally.add(told, told["undecodable"])
                    yield told
                if futures:
                    wait(futures, timeout=0.2)
            for future in futures:
                future.result()
            for told in done:
                tally.add(told, told["undecodable"])
                yield told

    def _cut(self, number: int, points: list[Point], took) -> None:
        out = self.folder / f"out{number}"
        out.mkdir(exist_ok=True)
        wanted = out / "points"
        wanted.write_text(json.dumps(points))
        with self._worker(out, wanted) as lines:
            next(lines)
            for _ in points:
                told = json.loads(next(lines)[1:])
                told["undecodable"] = [words for name in told["files"] if (words := self._decode(out / name))]
                took(told)

    def _decode(self, path: Path) -> str:
        """What is wrong with a file for a player; looked at once, and then removed."""
        if path.name not in self._decoded:
            played = players.play(path.read_bytes())
            self._decoded[path.name] = "; ".join(played.complaints)
        path.unlink(missing_ok=True)
        return self._decoded[path.name]

    @contextmanager
    def _worker(self, out: Path, points: Path | str) -> Iterator[Iterator[str]]:
        script = str(self._root / "tests/recording/device_powercut.py")
        command = [*MICROPYTHON, "-X", "heapsize=128M", script, str(out), str(self._seconds), str(points)]
        with open(self.folder / "orders") as down, open(os.devnull, "w") as up:
            fds = f"{down.fileno()},{up.fileno()}"
            added = {"MICROPYPATH": f"{rombuild.rom()}:{self._root}:.frozen", "FIELDREC_BOARD_FDS": fds}
            with subprocess.Popen(
                command, env=os.environ | added, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                pass_fds=(down.fileno(), up.fileno()), text=True,
            ) as process:  # fmt: skip
                try:
                    assert process.stdout is not None
                    yield _lines(process.stdout)
                finally:
                    process.kill()


def _lines(stream: IO[str]) -> Iterator[str]:
    strange = ""
    for line in stream:
        if line.startswith("\x1e"):
            yield line
        else:
            strange += line
    raise RuntimeError(f"the interpreter ended: {strange[-2000:]}")


def every(writes: list[int]) -> list[Point]:
    """All points; of a single sector no half is written."""
    hows = ([how for how in TORN if how != "sectors" or size > 1] for size in writes)
    return [(number, how) for number, each in enumerate(hows) for how in each]


def _point(text: str) -> Point:
    number, _, how = text.partition(":")
    return int(number), how


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.recording.powercut", description=__doc__)
    parser.add_argument("--scenario", choices=SCENARIOS, action="append", help="by default both")
    parser.add_argument("--cut", type=_point, help="this point alone: WRITE:HOW")
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--every", type=int, default=1, help="take each Nth point only")
    parser.add_argument("--jobs", type=int, help="processes, by default one a processor")
    asked = parser.parse_args()
    console = Console(highlight=False)
    wrong = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    for scenario in asked.scenario or SCENARIOS:
        with tempfile.TemporaryDirectory(prefix="fieldrec-card-") as folder:
            bench, tally = Bench(Path(folder), scenario, asked.seconds), Tally()
            writes = bench.writes()
            console.print(f"{scenario}: {asked.seconds} s, {len(writes)} writes to the card")
            points = [asked.cut] if asked.cut else every(writes)[:: asked.every]
            with Progress(*columns, console=console, transient=True) as progress:
                task = progress.add_task(scenario, total=len(points))
                for _ in bench.cut(points, tally, asked.jobs):
                    progress.advance(task)
            for words in tally.wrong[:20]:
                console.print(f"--scenario {scenario} --cut {words}", markup=False)
            console.print(f"{scenario}: {tally.line()}")
            wrong += len(tally.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
