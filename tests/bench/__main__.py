"""`make bench`: what the specification puts numbers on, as ratios measured side by side in this run.

`python -m tests.bench dashboard` measures what is named alone.
"""

import sys

from rich.console import Console
from rich.table import Table

from tests.bench import campaigns, dashboard, ingest, power_up, rig, signatures, updates

console = Console()
table = Table(title="Fieldrec benchmarks")
for column in ("what", "measured", "beside", "ratio"):
    table.add_column(column, overflow="fold")
BENCHES = (signatures, updates, power_up, rig, ingest, campaigns, dashboard)
named = {bench.__name__.rpartition(".")[2]: bench.measure for bench in BENCHES}
if unknown := set(sys.argv[1:]) - set(named):
    sys.exit(
        f"there is no bench {', '.join(sorted(unknown))}: give some of {', '.join(named)}, or none for all"
    )
for measure in [named[name] for name in sys.argv[1:]] or named.values():
    with console.status(measure.__doc__ or ""):
        for row in measure():
            table.add_row(*row)
console.print(table)
