"""Faults during campaigns: `python -m tests.faults` (about twenty minutes), or one server with `--only broker`."""

import argparse
import asyncio
import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.cloud_fixtures import running_cloud
from tests.faults.lab import MIX, lab
from tests.faults.rounds import SERVERS, Outcome, halted, harmed
from tools.fleet.device import Timing

WITHIN_S = 600.0


async def run(options: argparse.Namespace, console: Console) -> list[Outcome]:
    names = options.only or SERVERS
    outcomes = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with running_cloud("registration", "ota") as cloud, Progress(*columns, console=console) as progress:
        bar = progress.add_task("devices come online", total=len(names) + 1)
        timing = Timing(step_s=options.step_s, heartbeat_s=60, keepalive_s=20)
        async with lab(cloud, options.devices, MIX, timing) as faults:
            faults.say = lambda words: progress.update(bar, description=words)
            for name in names:
                outcomes.append(await harmed(faults, name, options.cut_s, WITHIN_S))
                progress.advance(bar)
                for words in outcomes[-1].wrong[:10]:
                    progress.console.print(f"[red]{name}: {words}")
        bad = {"healthy": 7, "failing": 2, "reverting": 1}
        async with lab(cloud, options.devices, bad, timing, prefix="bad") as faults:
            faults.version = 50
            outcomes.append(await halted(faults, "broker", options.cut_s, WITHIN_S))
            progress.advance(bar)
    return outcomes


def table_of(outcomes: list[Outcome]) -> Table:
    table = Table(title="Faults during a campaign")
    for column in ("harmed", "campaign", "jobs", "s", "leaders so far", "reconnects", "said again", "wrong"):
        table.add_column(column)
    for each in outcomes:
        numbers = (each.jobs, round(each.seconds), each.leaders, each.reconnects, each.said_again)
        row = (each.name, each.status, *map(str, numbers), "\n".join(each.wrong[:5]) or "nothing")
        table.add_row(*row)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=2000)
    parser.add_argument("--only", nargs="*", choices=SERVERS)
    parser.add_argument("--cut-s", type=float, default=30.0)
    parser.add_argument("--step-s", type=float, default=2.0)
    console = Console()
    outcomes = asyncio.run(run(parser.parse_args(), console))
    console.print(table_of(outcomes))
    sys.exit(any(each.wrong for each in outcomes))


if __name__ == "__main__":
    main()
