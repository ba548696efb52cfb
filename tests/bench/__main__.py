"""`make bench`: what the specification puts numbers on, as ratios measured side by side in this run."""

from rich.console import Console
from rich.table import Table

from tests.bench import power_up, signatures, updates

console = Console()
table = Table(title="Fieldrec benchmarks")
for column in ("what", "measured", "beside", "ratio"):
    table.add_column(column, overflow="fold")
for measure in (signatures.measure, updates.measure, power_up.measure):
    with console.status(measure.__doc__ or ""):
        for row in measure():
            table.add_row(*row)
console.print(table)
