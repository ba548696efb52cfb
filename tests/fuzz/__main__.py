"""`python -m tests.fuzz [--seed N] [--total N]`: 100,000 inputs for the parsers of device and host.

`python -m tests.fuzz PARSER HEX` runs one input alone, as a failure prints it.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.progress import Progress

from tests.fuzz import driver, host_targets


def everything(folder: Path, seed: int, total: int) -> int:
    started, done, slowest = time.perf_counter(), 0, driver.Lot("", 0, 0)
    lots = [*driver.device_lots(folder, seed, total), *driver.host_lots(seed, total)]
    found = []
    with Progress() as progress:
        task = progress.add_task("fuzzing", total=sum(count for _, count, _ in lots))
        for parser, count, run in lots:
            progress.update(task, description=parser)
            try:
                lot = run()
                done, slowest = done + lot.count, max(slowest, lot, key=lambda lot: lot.highest_us)
            except driver.Found as error:
                found.append(str(error))
            progress.advance(task, count)
    print(f"{done} inputs, {len(lots)} parsers, {time.perf_counter() - started:.0f} s, seed {seed}; ", end="")
    print(f"slowest {slowest.highest_us / 1000:.1f} ms ({slowest.parser}); at fault: {len(found)}")
    print(*found, sep="\n\n")
    return 1 if found else 0


def one(folder: Path, parser: str, data: str) -> int:
    try:
        if parser in host_targets.TARGETS:
            host_targets.attempt(parser, bytes.fromhex(data.strip("-")))
        else:
            driver.Device(folder).attempt(parser, data)
    except driver.Found as error:
        print(error)
        return 1
    print("nothing wrong")
    return 0


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz")
    arguments.add_argument("one", nargs="*", metavar="PARSER HEX")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--total", type=int, default=100_000)
    told = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if told.one:
            return one(Path(folder), *told.one)
        return everything(Path(folder), told.seed, told.total)


if __name__ == "__main__":
    sys.exit(main())
