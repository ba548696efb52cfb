"""A virtual board that updates its MicroPython from a release on its own flash, from power-on until it is at rest."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from tools import release, release_build
from tools.virtual import chip
from tools.virtual.board import VirtualBoard

MAIN = Path(__file__).with_name("device_main.py")
OLD, NEW = "1.29.0", "1.30.0"
FIELDS = {
    "kind": "runtime",
    "name": "micropython",
    "version": NEW,
    "security_version": 1,
    "boards": ["virtual"],
    "requires": {"runtime": "1.26.0", "app": "0.0.0"},
    "created": "2026-01-01T00:00:00Z",
}
make = chip.espimage.make


def release_of(contents: dict[str, bytes], path: Path, keys: Path, **fields: object) -> Path:
    """A signed release, of kind runtime unless told otherwise."""
    path.write_bytes(release_build.pack({**FIELDS, **fields}, contents))
    release.sign(path, keys / "release.pem")
    return path


def digest(path: Path) -> str:
    return release.inspect(path)["digest"]


class Life:
    def __init__(self, folder: Path, files: Mapping[str, bytes | Path], old: bytes | None = None):
        files = {**files, "main.py": MAIN.read_bytes()}
        self.board = VirtualBoard.create(folder, files, runtime=old or make(OLD, 24576))
        self.board.do("hold", "USB")

    def run(self, ms: float = 300_000) -> list:
        """Until the board is at rest: [label that runs, reason why it went back, floor]."""
        if self.board.power == "dead":
            self.board.power_on()
        start = len(self.board.lines)
        self.board.run_until(lambda: self.settled(start) is not None, ms, "rest")
        self.board.run_for(100)
        return self.settled(start)

    def settled(self, start: int = 0) -> list | None:
        for line in self.board.lines[start:]:
            if line.startswith("settled: "):
                return json.loads(line.removeprefix("settled: "))
        return None

    def run_to(self, text: str) -> None:
        """Until a line begins so; power goes there."""
        self.board.power_on()
        self.board.run_until(lambda: bool(self.said(text)), 300_000, text)
        self.board.cut_power()

    def said(self, word: str) -> list[str]:
        return [line for line in self.board.lines if line.startswith(word)]

    def record(self) -> dict:
        return json.loads(self.board.read_flash()["boot.json"].split(b"\n")[0])

    # -- power cuts

    def snapshot(self) -> Path:
        kept = self.board.folder.with_suffix(".kept")
        shutil.copy(self.board.folder / "flash.img", kept)
        return kept

    def restore(self, kept: Path) -> None:
        self.board.close()
        shutil.copy(kept, self.board.folder / "flash.img")

    def operations(self) -> list[int]:
        """Run to rest; flash operations of each start."""
        counts: list[int] = []
        self.board.on_boot = lambda cause: counts.append(self.board.flash_ops)
        self.run()
        self.board.on_boot = None
        return [*counts[1:], self.board.flash_ops]

    def cut_in_start(self, number: int, operation: int, share: float) -> None:
        """Power goes in that flash operation of that start, counted from here."""
        starts = iter(range(number + 1))

        def cut(cause: str) -> None:
            if next(starts, None) == number:
                self.board.cut = [operation, share]

        self.board.on_boot = cut
        self.board.power_on()
        self.board.run_until(lambda: self.board.power == "dead", 300_000, "the power cut")
        self.board.on_boot = None
