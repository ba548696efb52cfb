"""Are the flashes that the points begin with those of processes that really ended there? Byte for byte.

A process a start, on a flash in a file; it is killed in the middle of the operation, as `kill -9` does.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.powercut import points, workers
from tests.powercut.points import Point


class NotAlike(Exception):
    """A flash that was rebuilt is not the one of the process that ended; the text says which."""


def compare(rebuilding: workers.Workers, run: workers.Run, count: int, seed: int) -> Iterator[Point]:
    """Points, drawn at random, at which both flashes were found to be the same. NotAlike if they are not."""
    choice = random.Random(seed)
    all_of_them = [
        point
        for point in points.single(run.operations)
        if point[0] < len(run.operations) and point[1] != points.NOISE
    ]
    drawn = sorted(choice.sample(all_of_them, min(count, len(all_of_them))))
    rebuilt, folder = rebuilding.images(drawn), rebuilding.folder
    for start, image in _starts(folder, run):
        for point in drawn:
            if start == sum(begun <= point[0] for begun in run.starts) - 1:
                found = _ended(folder, image, (point[0] - run.starts[start], point[1]))
                if found != rebuilt[point]:
                    raise NotAlike(
                        f"--cut {points.text(point)}: the flash of the process that ended is another one"
                    )
                yield point


def _starts(folder: Path, run: workers.Run) -> Iterator[tuple[int, Path]]:
    """(number of a start, the flash that it finds), each left by a process that ran to its reset."""
    image = folder / "start.img"
    shutil.copyfile(folder / "board/flash.img", image)
    for number in range(len(run.starts)):
        yield number, image
        digest = _ended(folder, image, None)
        (folder / "ended/board/flash.img").replace(image)
    if digest != run.digest:
        raise NotAlike("the flash of an uncut run in processes of their own is another one than in memory")


def _ended(folder: Path, image: Path, cut: Point | None) -> str:
    """SHA-256 of the flash that a process leaves in ended/board, killed at its cut or once it has reset."""
    board = folder / "ended/board"
    board.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(image, board / "flash.img")
    (board / "sd.img").touch()
    (down_read, down_write), (up_read, up_write) = os.pipe(), os.pipe()
    try:
        with workers.interpreter("device_start.py", folder, down=down_read, up=up_write) as process:
            os.write(down_write, workers.boot_message(board.parent, cut).encode())
            how = _end(up_read, process.stdout)
    finally:
        for fd in (down_read, down_write, up_read, up_write):
            os.close(fd)
    if how != ("cut" if cut else "reset"):
        raise NotAlike(f"the process ended by {how}")
    return hashlib.sha256((board / "flash.img").read_bytes()).hexdigest()


def _end(up: int, stdout) -> str:
    """How the process says that it ended: it waits to be killed then."""
    received = b""
    while b'"ev": "end"' not in received:
        if not workers.is_ready(up):
            raise workers.InterpreterError(stdout.read1().decode(errors="replace")[-2000:])
        received += os.read(up, 1 << 16)
    return next(json.loads(line)["how"] for line in received.splitlines() if b'"ev": "end"' in line)
