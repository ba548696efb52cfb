"""`fieldrec keys`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from tools.commands.errors import explained

app = typer.Typer(name="keys", no_args_is_help=True, help="Make and list signing keys.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(help="Where to put them; nothing in it is overwritten.")],
    kind: Annotated[list[str] | None, typer.Option(help="app (default) or runtime; repeat for both.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a root key, a release key, roots.json for devices and the signed keyring.json."""
    from tools import keys

    with explained():
        made = keys.new(folder, kind or ["app"])
    if as_json:
        typer.echo(json.dumps(made))
        return
    typer.echo(f"root key     {made['root']}  {folder / 'root.pem'} (keep it offline)")
    typer.echo(f"release key  {made['release']}  {folder / 'release.pem'}")
    typer.echo(f"for devices  {folder / 'roots.json'}, {folder / 'keyring.json'}")


@app.command("list")
def list_keys(
    folder: Annotated[Path, typer.Argument(help="A folder made by `fieldrec keys new`.")],
    as_json: AsJson = False,
) -> None:
    """List the keys that devices with this folder's roots.json would trust, and for what."""
    from tools import keys

    with explained():
        rows = keys.listing(folder)
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        state = "revoked" if row["revoked"] else f"signs {', '.join(row['kinds'])}"
        typer.echo(f"{row['role']:8} {row['keyid']}  {state:18} {row['private'] or 'private key not here'}")
