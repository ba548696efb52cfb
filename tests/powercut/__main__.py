"""`python -m tests.powercut`: cut power at every flash operation of an update, and see the device come back.

A point that bricks a device is printed as it can be had again: `--scenario app --cut 1234:0.5`.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.powercut import boards, ended, points, workers
from tests.powercut.scenarios import SCENARIOS, Scenario, prepare
from tests.powercut.tally import Tally

console = Console(highlight=False)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.powercut", description=__doc__)
    add = parser.add_argument
    add(
        "--scenario",
        choices=[*SCENARIOS, "boards"],
        action="append",
        help="by default all, one after another",
    )
    add("--cut", type=points.parse, help="this point alone: OPERATION:SHARE, +OPERATION:SHARE for a second")
    add("--doubles", type=int, default=2000, help="points with a second cut during the recovery, in all")
    add("--tries", type=int, default=300, help="points with a cut in each start of a version on trial")
    add(
        "--ended",
        type=int,
        default=30,
        help="points of each scenario that processes of their own are ended at",
    )
    add("--boards", type=int, default=40, help="points on whole virtual boards")
    add("--seed", type=int, default=1, help="of all that is drawn at random")
    add("--jobs", type=int, help="processes, by default one a processor")
    return parser.parse_args()


def main() -> int:
    asked = arguments()
    names = asked.scenario or [*SCENARIOS, "boards"]
    total = Tally()
    with tempfile.TemporaryDirectory(prefix="fieldrec-powercut-") as folder:
        for name in names:
            place = Path(folder, name)
            tally = _boards(place, asked) if name == "boards" else _scenario(SCENARIOS[name], place, asked)
            console.print(f"{name}: {tally.line()}")
            total.add(tally)
    console.print(total.line())
    return 1 if total.bricked else 0


def _scenario(scenario: Scenario, folder: Path, asked: argparse.Namespace) -> Tally:
    prepare(scenario, folder)
    working = workers.Workers(folder)
    run = working.describe()
    console.print(f"{scenario.name}: {scenario.what}: {len(run.operations)} flash operations")
    if asked.cut and asked.cut[0] >= len(run.operations):
        sys.exit(
            f"{scenario.name} has operations 0 to {len(run.operations) - 1}, none of number {asked.cut[0]}"
        )
    wanted = [asked.cut] if asked.cut else _points(scenario, run, asked)
    tally = Tally()

    def work(took: Callable[[workers.Outcome], None]) -> None:
        working.cut(wanted, took, asked.jobs)

    _show(scenario.name, len(wanted), tally, work)
    if not asked.cut:
        alike = len(list(ended.compare(working, run, asked.ended, asked.seed)))
        console.print(f"{scenario.name}: {alike} of these flashes are those of processes that ended there")
    return tally


def _points(scenario: Scenario, run: workers.Run, asked: argparse.Namespace) -> list[points.Point]:
    first = run.starts[scenario.since]
    wanted = [point for point in points.single(run.operations) if point[0] >= first]
    doubles = points.double(wanted, asked.doubles // len(SCENARIOS), asked.seed)
    tries = points.tries(first, asked.tries if scenario.behaviour == "hangs" else 0)
    return [*wanted, *doubles, *tries]


def _boards(folder: Path, asked: argparse.Namespace) -> Tally:
    folder.mkdir()
    tally = Tally()
    cuts = boards.draw(asked.boards, asked.seed)

    def work(took: Callable[[workers.Outcome], None]) -> None:
        for outcome in boards.run(folder, cuts):
            took(outcome)

    console.print(f"boards: {SCENARIOS['app'].what}, on whole virtual boards")
    _show("boards", len(cuts), tally, work)
    return tally


def _show(name: str, count: int, tally: Tally, work: Callable) -> None:
    """Do the work with a bar; what it takes is counted, and what is bricked is printed at once."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(name, total=count)

        def took(outcome: workers.Outcome) -> None:
            tally.take(outcome)
            progress.advance(task)
            if outcome.bricked:
                progress.console.print(_words(name, outcome), markup=False)

        work(took)


def _words(name: str, outcome: workers.Outcome) -> str:
    where = outcome.point if name == "boards" else f"--scenario {name} --cut {points.text(outcome.point)}"
    return "\n    ".join([f"{where}: {outcome.bricked}", *outcome.said])


if __name__ == "__main__":
    sys.exit(main())
