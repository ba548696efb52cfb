"""`fieldrec cloud`."""

import json
import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from tools.commands.errors import explained

app = typer.Typer(name="cloud", no_args_is_help=True, help="Run the update cloud with all that it needs.")

Data = Annotated[Path, typer.Option("--data", help="Folder that holds everything the cloud keeps.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Keys = Annotated[Path | None, typer.Option("--keys", help="Folder of `fieldrec keys new`; else DATA/keys.")]
DATA = Path(".fieldrec")


class StopRequested(BaseException):
    """SIGTERM or SIGINT. Not an Exception, so that nothing on the way takes it for a failure."""


@app.command()
def up(
    data: Data = DATA,
    keys: Keys = None,
    ports: Annotated[
        str, typer.Option(help="First of eight ports in a row, or auto for free ones.")
    ] = "8443",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object when ready.")] = False,
) -> None:
    """Start everything, say where it is, and stay until interrupted.

    Stores that the environment names (FIELDREC_POSTGRES_URL, FIELDREC_REDIS_URL, FIELDREC_ETCD_URL,
    FIELDREC_MQTT_HOST, FIELDREC_OBJECTS_URL) are used instead of embedded ones.
    """
    from cloud.embedded.ports import PortsTaken
    from cloud.embedded.server import ServerError
    from cloud.processes import AlreadyRunning, Cloud, KeysMissing
    from tools.cloud_view import View

    view = View(as_json)
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, _stop)
    given = {name: value for name, value in os.environ.items() if name.startswith("FIELDREC_")}
    try:
        with explained(AlreadyRunning, KeysMissing, PortsTaken, ServerError):
            cloud = Cloud(
                data, keys=keys or _keys(data), base_port=_base(ports), given=given, progress=view.progress
            )
            with view.starting(), ExitStack() as started:
                started.enter_context(cloud)
                stop = started.pop_all()
        with stop:
            view.ready(cloud)
            while (dead := cloud.first_death(0.5)) is None:
                view.follow(cloud)
            view.follow(cloud)
            view.died(dead)
            raise typer.Exit(1)
    except StopRequested:
        view.say("stopped")


@app.command()
def status(data: Data = DATA, as_json: AsJson = False) -> None:
    """Say what runs and where; exit code 1 if nothing does."""
    from cloud.processes import running

    found = running(data)
    if as_json:
        typer.echo(json.dumps(found))
    elif found is None:
        typer.echo(f"nothing runs in {data}")
    else:
        for name, server in found["servers"].items():
            state = f"pid {server['pid']}" if server["pid"] else "not running"
            typer.echo(f"{name:13} {state:12} {server['log']}")
        for name, url in found["urls"].items():
            typer.echo(f"{name:13} {url}")
    if found is None:
        raise typer.Exit(1)


@app.command()
def token(data: Data = DATA) -> None:
    """Print the admin token, for the header `Authorization: Bearer TOKEN`."""
    from cloud.embedded.material import Material

    with explained():
        typer.echo(Material(data).secret("admin-token"))


@app.command()
def claim(
    data: Data = DATA,
    device: Annotated[str | None, typer.Option(help="Only this device may use it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a claim token, with which one device enrols once."""
    from tools.cloud_view import CloudError, make_claim

    with explained(CloudError):
        made = make_claim(data, device)
    typer.echo(json.dumps(made) if as_json else made["token"])


def _stop(_signal: int, _frame: object) -> None:
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)  # once: stopping in order is not to be interrupted
    raise StopRequested


def _keys(data: Path) -> Path:
    """DATA/keys, made if it is missing."""
    from tools import keys

    folder = data / "keys"
    if not folder.exists():
        keys.new(folder, ("app", "runtime"))
    return folder


def _base(ports: str) -> int | None:
    if ports == "auto":
        return None
    if not ports.isdecimal() or not 0 < int(ports) < 65529:
        raise ValueError(f"--ports {ports!r} is neither a number below 65529 nor auto")
    return int(ports)
