"""`fieldrec rig`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tools.commands.errors import explained

if TYPE_CHECKING:
    from hil.bench import Bench

app = typer.Typer(
    name="rig", no_args_is_help=True, help="Rigs: benches that tests press keys on and measure with."
)

Rigs = Annotated[
    Path | None, typer.Option("--rigs", help="The inventory; by default rigs.yaml, if there is one.")
]
_DEFAULT = Path("rigs.yaml")


def _path(rigs: Path | None) -> Path | None:
    return rigs or (_DEFAULT if _DEFAULT.exists() else None)


@app.command("list")
def list_rigs(rigs: Rigs = None) -> None:
    """Check the inventory, and list its rigs and who uses them."""
    from rich.console import Console
    from rich.table import Table

    from hil import inventory
    from hil.locking import holder

    with explained():
        entries = inventory.load(_path(rigs))
    table = Table("rig", "back-end", "at", "in use by", "has")
    for name, entry in entries.items():
        at = entry.resource()
        has = "all of it" if entry.capabilities is None else ", ".join(entry.capabilities)
        table.add_row(name, entry.backend, at or "-", holder(at) or "-", has)
    Console().print(table)


@app.command()
def check(name: Annotated[str, typer.Argument()] = "virtual", rigs: Rigs = None) -> None:
    """Open a rig, have it test itself, and say what it is."""
    from hil.errors import RigError

    with explained(RigError), _opened(name, rigs) as bench:
        for key, value in bench.stamp.items():
            print(f"{key:24} {value}")
        if bench.self_test:
            measured, nominal = bench.self_test["measured_us"], bench.self_test["nominal_us"]
            print(f"{'loopback':24} {measured:.1f} us of {nominal:.0f} us")
        print(f"{'can':24} {', '.join(sorted(bench.capabilities))}")
    print(f"{name} is fit for tests")


@app.command()
def flash(port: Annotated[str, typer.Option(help="The Pico's serial port; it runs MicroPython.")]) -> None:
    """Put the rig's firmware on a Raspberry Pi Pico."""
    from hil.errors import RigError
    from hil.onboard import flash_rig

    with explained(RigError):
        flash_rig(port)
    print(f"the Pico at {port} is a rig; wire it as docs/rig.md says, then: fieldrec rig check NAME")


@app.command()
def calibrate(
    name: str, rigs: Rigs = None, seconds: Annotated[int, typer.Option(min=2, max=600)] = 20
) -> None:
    """Measure a rig's clock and loopback for some seconds, and say what to write into the inventory."""
    from hil.calibrating import measure
    from hil.errors import RigError

    with explained(RigError), _opened(name, rigs) as bench:
        found = measure(bench, seconds)
    for line in found.words():
        print(line)
    print(f"\nin the inventory, below {name}:\n    calibration:")
    for key, value in found.calibration().items():
        print(f"      {key}: {value:g}")


def _opened(name: str, rigs: Path | None) -> Bench:
    from hil import bench, inventory

    path = _path(rigs)
    entry = inventory.choose(inventory.load(path), name, path)
    return bench.Bench(name, entry, {"main.py": b""} if entry.backend == "virtual" else None)
