"""`fieldrec fleet`."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from tools.commands.errors import explained

app = typer.Typer(name="fleet", no_args_is_help=True, help="Simulated devices, thousands in one process.")

Data = Annotated[Path, typer.Option("--data", help="Data folder of the cloud that runs here.")]


@app.command()
def kinds() -> None:
    """List the kinds of devices that a mix can have."""
    from tools.fleet.kinds import KINDS

    for name, kind in KINDS.items():
        typer.echo(f"{name:10} {kind.words}")


@app.command()
def run(
    data: Data = Path(".fieldrec"),
    count: Annotated[int, typer.Option(min=1, max=19_000, help="How many devices.")] = 100,
    mix: Annotated[
        str, typer.Option(help="Parts of each kind, like healthy=8,slow=1,failing=1.")
    ] = "healthy=1",
    seconds: Annotated[float, typer.Option("--for", help="How long they live.")] = 60.0,
    step_s: Annotated[float, typer.Option("--step", help="Seconds of each step of an update.")] = 2.0,
    heartbeat_s: Annotated[float, typer.Option("--heartbeat", help="Seconds between heartbeats.")] = 60.0,
    prefix: Annotated[str, typer.Option(help="Ids are PREFIX-00000 and on.")] = "sim",
    claims: Annotated[bool, typer.Option("--claims", help="Enrol one by one, over HTTP.")] = False,
    fetch: Annotated[bool, typer.Option("--fetch", help="Fetch the beginning of each release.")] = False,
    seed: Annotated[int, typer.Option(help="Of all that is drawn.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object at the end.")] = False,
) -> None:
    """Enrol devices with the cloud that runs in DATA, and let them live: connect, beat, update, fail.

    They are enrolled in bulk with the CA key and the database of DATA, or with --claims as real ones are.
    """
    from tools.fleet import run as running
    from tools.fleet.device import Timing
    from tools.fleet.fleet import TooMany
    from tools.fleet.kinds import mix as parse

    with explained(TooMany, running.NoCloud):
        wanted = running.Wanted(
            data,
            count,
            parse(mix),
            Timing(step_s=step_s, heartbeat_s=heartbeat_s),
            prefix,
            claims,
            fetch,
            seed,
        )
        found = asyncio.run(running.run(wanted, seconds, quiet=as_json))
    if as_json:
        typer.echo(json.dumps(found))
