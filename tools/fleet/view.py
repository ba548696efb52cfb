"""What `fieldrec fleet` shows while it runs."""

import asyncio
from collections import Counter

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tools.fleet.fleet import Fleet
from wire import topics

EVERY_S = 0.5


def bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


async def follow(fleet: Fleet, progress: Progress, seconds: float) -> None:
    """Bars of who is online and of jobs that have ended, for so long."""
    online = progress.add_task("online", total=len(fleet.devices))
    jobs = progress.add_task("jobs ended", total=None)
    ends_at = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < ends_at:
        outcomes = fleet.outcomes()
        ended = sum(count for (_, status), count in outcomes.items() if status in topics.ENDED)
        progress.update(online, completed=fleet.online)
        progress.update(jobs, completed=ended, total=outcomes.total() or None)
        await asyncio.sleep(EVERY_S)


def summary(fleet: Fleet) -> Table:
    table = Table(title="By the devices' own word")
    for column in ("kind", "devices", "job", "count"):
        table.add_column(column)
    sizes = Counter(device.kind_name for device in fleet.devices)
    for kind, size in sizes.items():
        rows = [(status, n) for (name, status), n in sorted(fleet.outcomes().items()) if name == kind]
        for status, count in rows or [("none", 0)]:
            table.add_row(kind, str(size), status, str(count))
    return table


def as_dict(fleet: Fleet) -> dict:
    outcomes: dict[str, dict[str, int]] = {}
    for (kind, status), count in fleet.outcomes().items():
        outcomes.setdefault(kind, {})[status] = count
    return {
        "devices": len(fleet.devices),
        "online": fleet.online,
        "jobs": outcomes,
        "counts": dict(fleet.world.counts),
    }
