"""`fieldrec release`."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tools.commands.errors import explained
from tools.commands.where import HERE, Ca, Data, Token, Url, asking

app = typer.Typer(
    name="release", no_args_is_help=True, help="Build, sign, verify, compare and publish releases."
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Kind(StrEnum):
    app = "app"
    runtime = "runtime"


File = Annotated[Path, typer.Argument(help="A release, NAME-VERSION.frel.")]


@app.command()
def build(
    version: Annotated[str, typer.Option(help="SemVer, like 1.1.0.")],
    board: Annotated[list[str], typer.Option(help="A folder of board/; repeat for more.")],
    out: Annotated[Path, typer.Option(help="Folder for the release.")],
    source: Annotated[Path | None, typer.Option(help="Source tree; this project if left out.")] = None,
    kind: Annotated[Kind, typer.Option(help="The app, or the MicroPython that it runs on.")] = Kind.app,
    image: Annotated[Path | None, typer.Option(help="With --kind runtime: the image to be flashed.")] = None,
    security_version: Annotated[int, typer.Option(help="Rises when going back must be prevented.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Compile app/, board/ and wire/ into one unsigned file. The same sources give the same bytes."""
    from tools import release, release_build

    with explained():
        if (kind is Kind.runtime) != (image is not None):
            raise ValueError("--image FILE goes with --kind runtime, and the other way round")
        tree = source or release_build.PROJECT
        if image:
            path = release.build_runtime(version, board, out, image, tree, security_version=security_version)
        else:
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
    key: Annotated[str, typer.Option(help="Private key: a PEM file, pkcs11:URI or vault:MOUNT/KEY.")],
    as_json: AsJson = False,
) -> None:
    """Add a signature to a release."""
    from tools import release

    with explained():
        keyid = release.sign(file, key)
    typer.echo(json.dumps({"keyid": keyid}) if as_json else f"{file} signed by key {keyid}")


@app.command("with-keyring")
def with_keyring(
    file: File,
    keys: Annotated[Path, typer.Option(help="Folder with keyring.json.")],
    as_json: AsJson = False,
) -> None:
    """Put the newest keyring in front of a release, for devices to learn it. Digest and signatures stay."""
    from tools import keys as key_folder
    from tools import release

    with explained():
        release.with_keyrings(file, key_folder.in_front(keys))
        versions = [keyring["version"] for keyring in release.inspect(file)["keyrings"]]
    words = f"{file} brings keyring {', '.join(map(str, versions))}"
    typer.echo(json.dumps({"keyrings": versions}) if as_json else words)


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
        _row(name, manifest[name])
    _row("boards", ", ".join(manifest["boards"]))
    _row("requires", ", ".join(f"{kind} {least}" for kind, least in manifest["requires"].items()))
    _row("signed by", ", ".join(about["signed_by"]) or "nobody")
    _row("digest", about["digest"])
    _row("sizes", ", ".join(f"{name} {size}" for name, size in about["sizes"].items()))
    for keyring in about["keyrings"]:
        _show_keyring(keyring)
    _row("payload", f"{about['sizes']['payload']} bytes in {about['chunks']} chunks")
    for entry in manifest["files"]:
        typer.echo(f"  {entry['size']:8} {entry['sha256'][:16]}  {entry['path']}")


def _row(name: str, value: object) -> None:
    typer.echo(f"{name:17} {value}")


def _show_keyring(keyring: dict) -> None:
    signers = ", ".join(keyring["signed_by"]) or "nobody"
    _row(f"keyring {keyring['version']}", f"threshold {keyring['threshold']}, signed by {signers}")
    for keyid, key in sorted(keyring["keys"].items()):
        state = "revoked" if keyid in keyring["revoked"] else f"signs {', '.join(key['kinds'])}"
        typer.echo(f"  {keyid}  {state}")
    if "roots" in keyring:
        roots = keyring["roots"]
        names = ", ".join(sorted(roots["keys"]))
        typer.echo(f"  roots {roots['version']}: threshold {roots['threshold']} of {names}")


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="The release that runs.")],
    new: Annotated[Path, typer.Argument(help="The release to be installed.")],
    as_json: AsJson = False,
) -> None:
    """Say what a device that runs OLD would download for NEW."""
    from dataclasses import asdict

    from tools.release_diff import diff

    with explained():
        found = diff(old, new)
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    for file in found.files:
        if file.fetched or file.is_new:
            mark = "new" if file.is_new else "changed"
            typer.echo(
                f"{mark:8} {file.fetched:4} of {file.chunks:4} chunks {file.bytes:8} bytes  {file.path}"
            )
    for path in found.removed:
        typer.echo(f"removed  {path}")
    total, requests = found.bytes + found.head_bytes, found.requests + found.head_requests
    typer.echo(f"head     {found.head_bytes} bytes in {found.head_requests} requests")
    typer.echo(f"payload  {found.bytes} bytes in {found.requests} requests")
    typer.echo(
        f"in all   {total} of {found.whole} bytes ({100 * total / found.whole:.1f} %), {requests} requests"
    )


@app.command()
def publish(
    file: File,
    data: Data = HERE,
    url: Url = None,
    ca: Ca = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Send a signed release to the cloud, which verifies it before anybody can see it."""
    from rich.console import Console
    from rich.progress import Progress

    from tools.release_publish import publish

    quiet = as_json or not Console().is_terminal
    with asking("ota", data, url, ca, token) as service, Progress(disable=quiet, transient=True) as progress:
        bar = progress.add_task(file.name, total=file.stat().st_size)
        answer = publish(service, file, lambda sent: progress.update(bar, completed=sent))
    if as_json:
        typer.echo(json.dumps(answer))
        return
    typer.echo(
        f"published {answer['name']} {answer['version']} ({answer['kind']}), digest {answer['digest']}"
    )


class Standing(StrEnum):
    promote = "promote"
    withdraw = "withdraw"


@app.command()
def mark(
    release: Annotated[str, typer.Argument(help="Digest, its first 8 characters or more, or NAME@VERSION.")],
    standing: Annotated[Standing, typer.Argument(help="Withdrawn is for good, and aborts its campaigns.")],
    data: Data = HERE,
    url: Url = None,
    ca: Ca = None,
    token: Token = None,
    why: Annotated[str, typer.Option(help="For the audit log.")] = "",
    as_json: AsJson = False,
) -> None:
    """Promote a release, or withdraw it."""
    from tools.ota import digest_of

    with asking("ota", data, url, ca, token) as service:
        digest = digest_of(service, release)
        answer = service.post(f"/v1/releases/{digest}/{standing}", {"why": why})
    aborted = ", ".join(map(str, answer["aborted"]))
    words = f"{digest} is {answer['status']}" + (f"; aborted campaigns: {aborted}" if aborted else "")
    typer.echo(json.dumps(answer) if as_json else words)


@app.command("list")
def list_releases(
    kind: Annotated[Kind, typer.Argument(help="Which of the two stores.")],
    data: Data = HERE,
    url: Url = None,
    ca: Ca = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """List a store, the newest first."""
    with asking("ota", data, url, ca, token) as service:
        found = service.get(f"/v1/stores/{kind}/releases")["releases"]
    if as_json:
        typer.echo(json.dumps(found))
        return
    for each in found:
        needs = ", ".join(f"{name} {least}" for name, least in each["requires"].items())
        boards = ", ".join(each["boards"])
        release = f"{each['name']}@{each['version']}"
        typer.echo(f"{release:24} {each['status']:10} {each['digest']}  for {boards}; needs {needs}")
    if not found:
        typer.echo(f"no {kind.value} releases are published yet")


@app.command()
def policy(
    kind: Annotated[Kind, typer.Argument(help="Of which releases.")],
    data: Data = HERE,
    url: Url = None,
    ca: Ca = None,
    token: Token = None,
    approvals: Annotated[int | None, typer.Option(help="By so many others than who made it.")] = None,
    promoted_only: Annotated[
        bool | None, typer.Option("--promoted-only/--candidates", help="Promoted releases alone, or any.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a campaign with such a release needs, or change that for the ones made from now on."""
    given = {"approvals": approvals, "promoted_only": promoted_only}
    wanted = {name: value for name, value in given.items() if value is not None}
    with asking("ota", data, url, ca, token) as service:
        (found,) = [each for each in service.get("/v1/policies")["policies"] if each["kind"] == kind]
        if wanted:
            now = {name: found[name] for name in given} | wanted
            found = service.put(f"/v1/policies/{kind.value}", now)
    which = "promoted releases only" if found["promoted_only"] else "any release"
    words = f"{kind.value}: {which}, approvals needed: {found['approvals']}"
    typer.echo(json.dumps(found) if as_json else words)
