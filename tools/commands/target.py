"""`fieldrec target`."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tools.commands.errors import explained
from tools.commands.where import HERE, Ca, Data, Token, Url, asking

app = typer.Typer(
    name="target", no_args_is_help=True, help="Devices that poll in hawkBit's DDI: SWUpdate, RAUC, Zephyr."
)

Device = Annotated[str, typer.Argument(help="The device's id; its controller id in DDI.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Kind(StrEnum):
    app = "app"
    runtime = "runtime"


class Downloads(StrEnum):
    here = "here"
    store = "store"


@app.command()
def add(
    device: Device,
    data: Data = HERE,
    url: Url = None,
    ca: Ca = None,
    token: Token = None,
    board: Annotated[str | None, typer.Option(help="Of a device that is not enrolled yet.")] = None,
    downloads: Annotated[
        Downloads, typer.Option(help="From the device's own URL, or presigned ones of the object store.")
    ] = Downloads.here,
    confirm: Annotated[bool, typer.Option("--confirm", help="It is asked before each deployment.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a target token, and enrol the device if need be. A token it had before stops working."""
    body = {"id": device, "board": board, "downloads": downloads.value, "confirm": confirm}
    with asking("ota", data, url, ca, token) as service:
        made = service.post("/v1/targets", body)
    typer.echo(json.dumps(made) if as_json else f"target token of {device}, shown this once: {made['token']}")


@app.command("list")
def list_(
    data: Data = HERE, url: Url = None, ca: Ca = None, token: Token = None, as_json: AsJson = False
) -> None:
    """Show who polls, when it last did, and what it says of itself."""
    with asking("ota", data, url, ca, token) as service:
        targets = list(service.pages("/v1/targets", "targets"))
    if as_json:
        typer.echo(json.dumps(targets))
        return
    for each in targets:
        said = " ".join(f"{name}={value}" for name, value in each["attributes"].items())
        login = "token" if each["has_token"] else "certificate"
        typer.echo(
            f"{each['id']:24} {each['board']:12} {login:12} {each['polled_at'] or 'never polled':20} {said}"
        )


@app.command()
def revoke(device: Device, data: Data = HERE, url: Url = None, ca: Ca = None, token: Token = None) -> None:
    """End a target token."""
    with asking("ota", data, url, ca, token) as service:
        service.delete(f"/v1/targets/{device}")
    typer.echo(f"{device} has no target token any more")


@app.command()
def wrap(
    file: Annotated[Path, typer.Argument(help="What the client installs: NAME.swu, NAME.raucb, an image.")],
    name: Annotated[str, typer.Option(help="Of the release.")],
    version: Annotated[str, typer.Option(help="SemVer, like 1.1.0.")],
    board: Annotated[list[str], typer.Option(help="Whom it fits; repeat for more.")],
    out: Annotated[Path, typer.Option(help="Folder for the release.")],
    kind: Annotated[Kind, typer.Option(help="DDI's part os (runtime) or bApp (app).")] = Kind.runtime,
    security_version: Annotated[int, typer.Option(help="Rises when going back must be prevented.")] = 1,
) -> None:
    """Make an unsigned release of one file. Sign and publish it with `fieldrec release`."""
    from tools.bundle import wrap as wrapped

    with explained():
        path = wrapped(
            file,
            out,
            name=name,
            version=version,
            boards=board,
            kind=kind.value,
            security_version=security_version,
        )
    typer.echo(f"{path}  {path.stat().st_size} bytes")
