"""Runs the parsers of device and host on many inputs, and finds a crash, a hang and a strange exception alike."""

import contextlib
import select
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.fuzz import corpus
from tests.network import lab

HEAP = "256K"  # all parsers at once, and objects are twice as large as on a board
SILENCE_S = 30  # a hundred inputs take a small part of it
SLOW_US = 2_000_000  # of one input
KEPT = 2048  # bytes of heap that may be kept: caches of the interpreter

# inputs of 100,000 for each parser of the device; the rest is the host's
DEVICE_SHARES = {
    "header": 6000, "front": 4000, "envelope": 12000, "manifest": 12000, "keyring": 6000, "newer keyring": 5000,
    "version": 5000, "topic": 2000, "url": 3000, "http answer": 7000, "http range": 6000, "enrolment": 3000,
    "mqtt": 8000, "job": 6000, "settings": 2000, "json file": 1500, "boot record": 2000, "certificate": 1000,
    "signature": 500,
}  # fmt: skip
HOST_SHARES = {
    "release file": 2000, "heartbeat": 1500, "presence": 500, "event": 500, "job update": 1000,
    "certificate request": 1000, "range header": 500, "keyring file": 500, "key file": 500,
}  # fmt: skip


class Found(Exception):
    """A parser at fault; the text says which, with which input, and what it did."""


@dataclass(frozen=True)
class Lot:
    """What a run of one parser took."""

    parser: str
    count: int
    highest_us: int


def counts(shares: dict[str, int], total: int) -> dict[str, int]:
    """`total` of the 100,000, shared out alike."""
    return {parser: max(1, share * total // 100_000) for parser, share in shares.items()}


class Device:
    """The parsers of the device, compiled as on a board, in a small heap."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        corpus.write_all(folder)
        for tree in ("app", "bootloader", "wire"):
            for path in (lab.ROOT / tree).glob("*.py"):
                lab.compile_to(f"{tree}/{path.stem}", folder / "mpy")
        for name in ("mutate", "planted", "device_targets"):
            lab.compile_to(f"tests/fuzz/{name}", folder / "mpy")
        self.script = lab.compile_script(lab.ROOT / "tests/fuzz/device_fuzz.py", folder / "mpy")

    def fuzz(self, parser: str, seed: int, first: int, count: int) -> Lot:
        """Raises Found."""
        return self._run(parser, count, str(seed), str(first), str(count))

    def attempt(self, parser: str, hex_input: str) -> Lot:
        return self._run(parser, 1, hex_input)

    def _run(self, parser: str, count: int, *args: str) -> Lot:
        at = 0
        with self._process(parser, *args) as process:
            for line in _lines(process):
                word, _, rest = line.partition(" ")
                if word == "at":
                    at = int(rest)
                elif word == "wrong":
                    number, data, words = rest.split(" ", 2)
                    raise Found(_report(parser, number, data, words))
                elif word == "end":
                    highest_us, kept = map(int, rest.split())
                    return _judged(Lot(parser, count, highest_us), kept)
            raise self._stopped(parser, process, at, *args)

    def _stopped(self, parser: str, process: subprocess.Popen, at: int, *args: str) -> Found:
        """It crashed, or it hangs: at which of the inputs after the last one that it named?"""
        what = (
            f"ended with {process.poll()}" if process.poll() is not None else f"was silent for {SILENCE_S} s"
        )
        if len(args) == 1 or int(args[2]) == 1:
            return Found(f"{parser}, input {at} (seed {args[0]}): the interpreter {what}\n{_errors(process)}")
        end = int(args[1]) + int(args[2])
        for number in range(at, min(at + 100, end)):
            self.fuzz(parser, int(args[0]), number, 1)
        return Found(f"{parser}, after input {at}: the interpreter {what}, but not again\n{_errors(process)}")

    @contextlib.contextmanager
    def _process(self, parser: str, *args: str) -> Iterator[subprocess.Popen]:
        command = lab.device_command(self.script, self.folder / "examples" / parser, parser, *args, heap=HEAP)
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        env = lab.device_environment(str(self.folder / "mpy"))
        process = subprocess.Popen(
            command, env=env, cwd=work, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def _lines(process: subprocess.Popen) -> Iterator[str]:
    """What it says, until it ends or is silent for too long."""
    assert process.stdout
    while select.select([process.stdout], [], [], SILENCE_S)[0]:
        line = process.stdout.readline()
        if not line:
            process.wait(SILENCE_S)
            return
        yield line.rstrip("\n")


def _errors(process: subprocess.Popen) -> str:
    process.kill()
    return process.communicate()[1]


def _judged(lot: Lot, kept: int) -> Lot:
    if lot.highest_us > SLOW_US:
        raise Found(f"{lot.parser}: an input took {lot.highest_us / 1e6:.1f} s")
    if kept > KEPT:
        raise Found(f"{lot.parser}: {kept} bytes of heap are not given back after {lot.count} inputs")
    return lot


def _report(parser: str, number: str, data: str, words: str) -> str:
    trace = words.strip("'\"").replace("\\n", "\n")
    return f"{parser}, input {number}:\n{trace}again alone: python -m tests.fuzz '{parser}' {data}"


def device_lots(folder: Path, seed: int, total: int) -> Iterator[tuple[str, int, Callable[[], Lot]]]:
    """(parser, inputs, what runs them) of each part of the device's share."""
    device = Device(folder)
    for parser, count in counts(DEVICE_SHARES, total).items():
        yield parser, count, partial(device.fuzz, parser, seed, 0, count)


def host_lots(seed: int, total: int) -> Iterator[tuple[str, int, Callable[[], Lot]]]:
    from tests.fuzz import host_targets

    for parser, count in counts(HOST_SHARES, total).items():
        yield parser, count, partial(host_targets.fuzz, parser, seed, count)
