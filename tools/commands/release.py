"""`fieldrec release`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from tools.commands.errors import explained

app = typer.Typer(
    name="release", no_args_is_help=True, help="Build, sign, verify, inspect and publish releases."
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
File = Annotated[Path, typer.Argument(help="A release, NAME-VERSION.frel.")]


@app.command()
def build(
    version: Annotated[str, typer.Option(help="SemVer, like 1.1.0.")],
    board: Annotated[list[str], typer.Option(help="A folder of board/; repeat for more.")],
    out: Annotated[Path, typer.Option(help="Folder for the release.")],
    source: Annotated[Path | None, typer.Option(help="Source tree; this project if left out.")] = None,
    security_version: Annotated[int, typer.Option(help="Rises when going back must be prevented.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Compile app/, board/ and wire/ into one unsigned file. The same sources give the same bytes."""
    from tools import release, release_build

    with explained():
        tree = source or release_build.PROJECT
        path = release.build(version, board, out, tree, security_version=security_version)
        about = release.inspect(path)
    if as_json:
        typer.echo(json.dumps({"path": str(path), "digest": about["digest"], "size": path.stat().st_size}))
        return
    typer.echo(f"{path}  {path.stat().st_size} bytes, {len(about['manifest']['files'])} files")
    typer.echo(f"digest {about['digest']}")


@app.command()
def sign(
    file: File,
    key: Annotated[Path, typer.Option(help="Private key, PEM.")],
    as_json: AsJson = False,
) -> None:
    """Add a signature to a release."""
    from tools import release

    with explained():
        keyid = release.sign(file, key)
    typer.echo(json.dumps({"keyid": keyid}) if as_json else f"{file} signed by key {keyid}")


@app.command()
def verify(
    file: File,
    keys: Annotated[Path, typer.Option(help="Folder with roots.json and keyring.json.")],
    as_json: AsJson = False,
) -> None:
    """Check a release as a device would, and say what is wrong first."""
    from tools import release

    with explained():
        manifest = release.verify(file, keys / "roots.json", keys / "keyring.json")
    if as_json:
        typer.echo(json.dumps({"valid": True, "manifest": manifest}))
        return
    typer.echo(f"{file} is whole and trusted: {manifest['name']} {manifest['version']} ({manifest['kind']})")


@app.command()
def inspect(file: File, as_json: AsJson = False) -> None:
    """Show all that a release says of itself. Nothing is verified."""
    from tools import release

    with explained():
        about = release.inspect(file)
    if as_json:
        typer.echo(json.dumps(about))
        return
    manifest = about["manifest"]
    for name in ("name", "version", "kind", "security_version", "created"):
        typer.echo(f"{name:17} {manifest[name]}")
    typer.echo(f"{'boards':17} {', '.join(manifest['boards'])}")
    typer.echo(
        f"{'requires':17} " + ", ".join(f"{kind} {least}" for kind, least in manifest["requires"].items())
    )
    typer.echo(f"{'signed by':17} {', '.join(about['signed_by']) or 'nobody'}")
    typer.echo(f"{'digest':17} {about['digest']}")
    typer.echo(f"{'payload':17} {about['sizes']['payload']} bytes in {about['chunks']} chunks")
    for entry in manifest["files"]:
        typer.echo(f"  {entry['size']:8} {entry['sha256'][:16]}  {entry['path']}")


@app.command()
def publish(
    file: File,
    url: Annotated[str, typer.Option(help="Address of the update service.")],
    token: Annotated[str, typer.Option(help="Access token.", envvar="FIELDREC_TOKEN")],
    ca: Annotated[Path, typer.Option(help="CA certificate of the service, PEM.")],
    as_json: AsJson = False,
) -> None:
    """Send a signed release to the cloud, which verifies it before anybody can see it."""
    from rich.progress import Progress

    from tools.release_publish import PublishError, publish

    with explained(PublishError), Progress(disable=as_json, transient=True) as progress:
        bar = progress.add_task(file.name, total=file.stat().st_size)
        answer = publish(file, url, token, ca, lambda sent: progress.update(bar, completed=sent))
    if as_json:
        typer.echo(json.dumps(answer))
        return
    typer.echo(
        f"published {answer['name']} {answer['version']} ({answer['kind']}), digest {answer['digest']}"
    )
