"""`fieldrec devices`."""

import json
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from tools.commands.errors import explained
from tools.commands.where import Group, asking, given, pair

app = typer.Typer(
    name="devices", cls=Group, no_args_is_help=True, help="The fleet: who belongs to it, settings, commands."
)

Ids = Annotated[list[str], typer.Argument(help="Ids of devices.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Why = Annotated[str, typer.Option(help="For the audit log.")]
Given = Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE; repeat for more.")]
Off = Annotated[list[str] | None, typer.Option("--off", help="NAME; repeat for more.")]
IDS_MAX = 1000  # in one request


class Command(StrEnum):
    reboot = "reboot"
    identify = "identify"
    rotate_cert = "rotate-cert"
    send_log = "send-log"


app.callback()(given)


@app.command("list")
def list_devices(
    context: typer.Context,
    group: Annotated[str | None, typer.Option(help="In this group.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="NAME=VALUE or NAME; all must hold.")] = None,
    board: Annotated[str | None, typer.Option(help="Of this board.")] = None,
    version: Annotated[str | None, typer.Option(help="That run this app version.")] = None,
    decommissioned: Annotated[bool, typer.Option(help="Those out of service.")] = False,
    as_json: AsJson = False,
) -> None:
    """List devices, a line each."""
    asked = {"group": group, "label": label, "board": board, "version": version}
    query = {name: value for name, value in asked.items() if value is not None}
    with asking("registration", *context.obj) as registry:
        for each in registry.pages(
            "/v1/devices", "devices", limit=1000, decommissioned=decommissioned, **query
        ):
            typer.echo(json.dumps(each) if as_json else _line(each))


def _line(device: dict) -> str:
    labels = " ".join(f"{name}={value}" for name, value in sorted(device["labels"].items()))
    online = "online" if device["online"] else "offline"
    versions = device["versions"]
    return (
        f"{device['id']:24} {online:8} {device['board']:10} app {versions['app'] or '?':10}"
        f" {device['group'] or '-':12} {labels}".rstrip()
    )


@app.command()
def show(context: typer.Context, device: str) -> None:
    """All that is known of one device, as JSON."""
    with asking("registration", *context.obj) as registry:
        typer.echo(json.dumps(registry.get(f"/v1/devices/{device}"), indent=2))


@app.command()
def claims(
    context: typer.Context,
    csv: Annotated[Path, typer.Option(help="Columns device_id, board, group; an empty field is open.")],
    out: Annotated[Path, typer.Option(help="For the same lines with their tokens; readable by you alone.")],
) -> None:
    """Make a claim for each line of a file."""
    from cloud import pki

    with asking("registration", *context.obj) as registry:
        made = registry.post_text("/v1/claims/csv", csv.read_bytes())
        pki.write_secret(out, made.encode())
    typer.echo(f"{len(made.splitlines()) - 1} claims in {out}")


@app.command()
def group(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help='Name of the group; "" for none.')],
    ids: Ids,
) -> None:
    """Put devices into a group."""
    _each(context, ids, "/v1/marks", {"group": name}, lambda _: f"group {name!r}")


@app.command()
def label(context: typer.Context, ids: Ids, given: Given = None, off: Off = None) -> None:
    """Label devices, or take labels off."""
    with explained():
        labels: dict[str, str | None] = dict(map(pair, given or []))
    labels |= dict.fromkeys(off or [])
    _each(context, ids, "/v1/marks", {"labels": labels}, lambda _: "labelled")


@app.command()
def revoke(context: typer.Context, ids: Ids, why: Why = "") -> None:
    """Revoke all certificates of devices: they are out within seconds, until a claim lets them in again."""
    _each(context, ids, "/v1/revocations", {"why": why}, lambda got: f"{len(got['revoked'])} revoked")


@app.command()
def decommission(context: typer.Context, ids: Ids, why: Why = "") -> None:
    """Take devices out of service for good."""
    _each(context, ids, "/v1/decommissions", {"why": why}, lambda got: f"{len(got['revoked'])} revoked")


@app.command()
def config(context: typer.Context, ids: Ids, given: Given = None, off: Off = None) -> None:
    """Set settings of devices (--off: leave to the device), or show how they stand, as JSON."""
    with explained():
        settings: dict[str, bool | int | str | None] = {}
        settings.update((name, _value(text)) for name, text in map(pair, given or []))
    settings |= dict.fromkeys(off or [])
    if settings:
        return _each(context, ids, "/v1/configs", {"settings": settings}, lambda _: "settings sent")
    with asking("registration", *context.obj) as registry:
        for device in ids:
            typer.echo(json.dumps(registry.get(f"/v1/devices/{device}/config")))


@app.command()
def command(
    context: typer.Context,
    name: Command,
    ids: Ids,
    expires_s: Annotated[int, typer.Option(help="How long it waits for a device.")] = 3600,
    wait_s: Annotated[float, typer.Option(help="How long to wait for answers here.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Give devices a command, and print what they answer."""
    with asking("registration", *context.obj) as registry:
        asked = {"ids": ids, "command": name.value, "expires_s": expires_s}
        for device, number in sorted(registry.post("/v1/commands", asked)["commands"].items()):
            row = registry.ended(number, wait_s)
            lines = (row["result"] or {}).get("lines", [])
            words = f"{device:24} {row['status']:10} {row['detail']}".rstrip()
            typer.echo(json.dumps(row) if as_json else "\n".join([words, *lines]))


@app.command()
def factory(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="A name for the factory; without it: list them.")] = None,
    certificate: Annotated[Path | None, typer.Option(help="Register: its authority, PEM.")] = None,
    board: Annotated[str | None, typer.Option(help="It vouches for this board alone.")] = None,
    withdraw: Annotated[bool, typer.Option(help="It vouches for no further device.")] = False,
) -> None:
    """Factories whose certificates let a device enrol by itself: list, register, withdraw."""
    path = "/v1/factory-authorities"
    with asking("registration", *context.obj) as registry:
        if name is None:
            typer.echo(json.dumps(registry.get(path)["authorities"], indent=2))
        elif withdraw:
            registry.delete(f"{path}/{name}")
            typer.echo(f"{name} withdrawn")
        elif certificate is None:
            raise ValueError("--certificate FILE is needed to register a factory")
        else:
            asked = {"name": name, "certificate": certificate.read_text(), "board": board}
            typer.echo(f"{name} registered, SHA-256 {registry.post(path, asked)['sha256']}")


def _each(
    context: typer.Context, ids: list[str], path: str, body: dict[str, Any], words: Callable[[dict], str]
) -> None:
    """One request for as many devices as one takes."""
    with asking("registration", *context.obj) as registry:
        for first in range(0, len(ids), IDS_MAX):
            some = ids[first : first + IDS_MAX]
            typer.echo(f"{len(some)} devices: {words(registry.post(path, {'ids': some, **body}))}")


def _value(text: str) -> bool | int | str:
    """true, false and whole numbers are what they look like; the rest is text."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.removeprefix("-").isdecimal() else text
