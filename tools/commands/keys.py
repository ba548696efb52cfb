"""`fieldrec keys`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tools.commands.errors import explained

if TYPE_CHECKING:
    from tools.keyring import Outcome

app = typer.Typer(
    name="keys", no_args_is_help=True, help="Make signing keys, and change which ones devices trust."
)

SIGNER = "a PEM file, pkcs11:URI or vault:MOUNT/KEY"

Folder = Annotated[Path, typer.Argument(help="A folder made by `fieldrec keys new`.")]
Roots = Annotated[
    list[str] | None,
    typer.Option("--root", help=f"Root that signs: {SIGNER}; the folder's private keys if left out."),
]
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
    folder: Folder,
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


@app.command()
def generate(
    file: Annotated[Path, typer.Argument(help="Where to put it; nothing is overwritten.")],
    as_json: AsJson = False,
) -> None:
    """Make a private key, which nobody trusts yet."""
    from tools import keys, signing

    with explained():
        keyid = signing.key_id(keys.generate(file))
    typer.echo(json.dumps({"keyid": keyid}) if as_json else f"key {keyid}  {file}")


@app.command()
def public(
    key: Annotated[str, typer.Argument(help=f"Key: {SIGNER}.")],
    out: Annotated[Path | None, typer.Option(help="File to write it to.")] = None,
) -> None:
    """Show a key's public part in PEM, to be carried to where the roots are."""
    from tools import signers, signing

    with explained():
        pem = signing.public_pem(signers.public_of(key))
        if out:
            out.write_text(pem)
    typer.echo(str(out) if out else pem.strip())


@app.command()
def add(
    folder: Folder,
    key: Annotated[str, typer.Argument(help=f"Release key: {SIGNER}; a public key's PEM will do.")],
    kind: Annotated[list[str], typer.Option(help="What it may sign, app or runtime; repeat for both.")],
    root: Roots = None,
    as_json: AsJson = False,
) -> None:
    """Let devices trust a release key."""
    from tools import keyring, signers

    with explained():
        outcome = keyring.add(folder, signers.public_of(key), kind, root or ())
    _tell(folder, outcome, as_json)


@app.command()
def revoke(
    folder: Folder,
    keyid: Annotated[str, typer.Argument(help="Release key, as `fieldrec keys list` names it.")],
    root: Roots = None,
    as_json: AsJson = False,
) -> None:
    """Let devices trust nothing that a release key signed."""
    from tools import keyring

    with explained():
        outcome = keyring.revoke(folder, keyid, root or ())
    _tell(folder, outcome, as_json)


@app.command()
def threshold(
    folder: Folder,
    count: Annotated[int, typer.Argument(help="Signatures that a release needs, each by another key.")],
    root: Roots = None,
    as_json: AsJson = False,
) -> None:
    """Set how many keys must have signed a release."""
    from tools import keyring

    with explained():
        outcome = keyring.set_threshold(folder, count, root or ())
    _tell(folder, outcome, as_json)


@app.command()
def roots(
    folder: Folder,
    add: Annotated[list[str] | None, typer.Option(help=f"New root: {SIGNER}, or a public key's PEM.")] = None,
    remove: Annotated[
        list[str] | None, typer.Option(help="Root to be trusted no more, by its keyid.")
    ] = None,
    threshold: Annotated[int | None, typer.Option(help="Roots that must sign a keyring.")] = None,
    root: Roots = None,
    as_json: AsJson = False,
) -> None:
    """Change the roots themselves: enough of the old ones and enough of the new ones must sign."""
    from tools import keyring, signers

    with explained():
        added = [signers.public_of(name) for name in add or ()]
        outcome = keyring.change_roots(folder, added, remove or (), threshold, root or ())
    _tell(folder, outcome, as_json)


@app.command()
def sign(folder: Folder, root: Roots = None, as_json: AsJson = False) -> None:
    """Add signatures of roots to a change that waits for them."""
    from tools import keyring

    with explained():
        outcome = keyring.sign(folder, root or ())
    _tell(folder, outcome, as_json)


def _tell(folder: Path, outcome: "Outcome", as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(asdict(outcome)))
    elif outcome.missing:
        typer.echo(f"keyring {outcome.version} waits in {folder / 'keyring.next.json'}: {outcome.missing}")
        typer.echo(f"more roots sign it with: fieldrec keys sign {folder} --root KEY")
    else:
        typer.echo(f"keyring {outcome.version} is in force, signed by {', '.join(outcome.signed_by)}")
        typer.echo(f"to devices it goes with: fieldrec release with-keyring RELEASE --keys {folder}")
