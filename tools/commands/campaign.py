"""`fieldrec campaign`."""

import json
from enum import StrEnum
from typing import Annotated

import typer

from tools.commands.errors import explained
from tools.commands.where import Group, asking, given, pair

app = typer.Typer(
    name="campaign", cls=Group, no_args_is_help=True, help="Bring a release to the fleet, group by group."
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Number = Annotated[int, typer.Argument(help="Number of the campaign.")]
Why = Annotated[str, typer.Option(help="For the audit log.")]


class Action(StrEnum):
    pause = "pause"
    resume = "resume"
    abort = "abort"
    retry = "retry"


app.callback()(given)


@app.command()
def create(
    context: typer.Context,
    release: Annotated[
        str,
        typer.Argument(
            help="Of a published release: digest, its first 8 characters or more, or NAME@VERSION."
        ),
    ],
    group: Annotated[list[str], typer.Option(help="NAME:COUNT or NAME:SHARE%[,soak_s=N,...]; in order.")],
    board: Annotated[str | None, typer.Option(help="Only devices of this board.")] = None,
    version: Annotated[str | None, typer.Option(help="Only devices that run this.")] = None,
    fleet_group: Annotated[str | None, typer.Option(help="Only devices in this group of the fleet.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="NAME=VALUE; all must hold.")] = None,
    device: Annotated[list[str] | None, typer.Option(help="Only this device; repeat for more.")] = None,
    forced: Annotated[bool, typer.Option(help="Also if it is not newer.")] = False,
    rollback: Annotated[bool, typer.Option(help="A halt brings updated devices back.")] = False,
    retries: Annotated[int, typer.Option(help="Of a failed job.")] = 0,
    error_threshold: Annotated[float, typer.Option(help="Share of a group's jobs that halts.")] = 0.1,
    success_threshold: Annotated[float, typer.Option(help="Share that lets the next group go.")] = 1.0,
    deadline_s: Annotated[int | None, typer.Option(help="From now.")] = None,
    step_timeout_s: Annotated[
        int, typer.Option(help="A device at work that is silent so long has failed.")
    ] = 600,
    deferral_timeout_s: Annotated[int, typer.Option(help="The same while it puts the job off.")] = 604_800,
    dry_run: Annotated[bool, typer.Option(help="Only say who would get it, and who not.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a campaign; it starts at once, or when others have approved it."""
    from tools.campaign_view import dry_run as shown
    from tools.ota import digest_of, group_of

    with explained():
        labels = dict(map(pair, label or ()))
        groups = [group_of(each) for each in group]
    chosen = {
        "board": board,
        "version": version,
        "group": fleet_group,
        "labels": labels or None,
        "ids": device,
    }
    asked = {
        "filter": {name: value for name, value in chosen.items() if value is not None},
        "groups": groups,
        "forced": forced,
        "rollback": rollback,
        "retries": retries,
        "error_threshold": error_threshold,
        "success_threshold": success_threshold,
        "deadline_s": deadline_s,
        "step_timeout_s": step_timeout_s,
        "deferral_timeout_s": deferral_timeout_s,
    }
    with asking("ota", *context.obj) as service:
        asked["release"] = digest_of(service, release)
        answer = service.post("/v1/campaigns/dry-run" if dry_run else "/v1/campaigns", asked)
    if as_json:
        typer.echo(json.dumps(answer))
    elif dry_run:
        typer.echo(shown(answer))
    else:
        typer.echo(f"campaign {answer['id']}")


@app.command("list")
def list_campaigns(context: typer.Context, as_json: AsJson = False) -> None:
    """The newest first, at most a hundred."""
    from tools.campaign_view import line

    with asking("ota", *context.obj) as service:
        found = service.get("/v1/campaigns")["campaigns"]
    if as_json:
        typer.echo(json.dumps(found))
    else:
        typer.echo("\n".join(map(line, found)) or "no campaigns yet")


@app.command()
def show(context: typer.Context, campaign: Number, as_json: AsJson = False) -> None:
    """How a campaign stands, by group, and of what jobs failed."""
    from tools.campaign_view import whole

    with asking("ota", *context.obj) as service:
        read = service.get(f"/v1/campaigns/{campaign}")
        typer.echo(json.dumps(read) if as_json else whole(service, read))


@app.command()
def watch(
    context: typer.Context,
    campaign: Number,
    within_s: Annotated[float | None, typer.Option(help="Wait no longer; for ever if left out.")] = None,
) -> None:
    """Follow a campaign to its end; exit code 1 if it does not succeed, or has not ended by then."""
    from rich.console import Console

    from tools.campaign_view import follow

    with asking("ota", *context.obj) as service:
        read = follow(service, campaign, Console(), within_s)
    typer.echo(f"{read['status']} {read['reason']}".rstrip())
    raise typer.Exit(0 if read["status"] == "SUCCEEDED" else 1)


@app.command()
def change(
    context: typer.Context, campaign: Number, action: Action, why: Why = "", as_json: AsJson = False
) -> None:
    """Pause, resume or abort it, or have its failed jobs tried again."""
    with asking("ota", *context.obj) as service:
        answer = service.post(f"/v1/campaigns/{campaign}/{action}", {"why": why})
    if as_json:
        typer.echo(json.dumps(answer))
    elif action is Action.retry:
        typer.echo(f"{answer['jobs']} failed jobs are tried again")
    else:
        typer.echo(f"campaign {campaign} is {answer['status']}")


@app.command()
def approve(
    context: typer.Context,
    campaign: Number,
    digest: Annotated[str, typer.Option(help="Of the release that you have looked at.")],
    why: Why = "",
) -> None:
    """Approve what another person has made."""
    with asking("ota", *context.obj) as service:
        answer = service.post(f"/v1/campaigns/{campaign}/approve", {"digest": digest, "why": why})
    missing = f"; {answer['missing']} more needed" if answer["missing"] else ""
    typer.echo(f"campaign {campaign} is {answer['status']}{missing}")


@app.command("why")
def why_not(
    context: typer.Context,
    device: Annotated[str, typer.Argument(help="Id of a device.")],
    kind: Annotated[str, typer.Option(help="app or runtime.")] = "app",
) -> None:
    """Say why a device does not update."""
    with asking("ota", *context.obj) as service:
        for line in service.get(f"/v1/why/{device}", kind=kind)["answer"]:
            typer.echo(line)


@app.command()
def parked(
    context: typer.Context,
    let_go: Annotated[
        tuple[str, str] | None,
        typer.Option(help="DEVICE RELEASE: forget its failures, so that it may be tried again."),
    ] = None,
) -> None:
    """List devices that failed a release too often."""
    from tools.ota import digest_of

    with asking("ota", *context.obj) as service:
        if let_go:
            service.delete(f"/v1/parked/{let_go[0]}/{digest_of(service, let_go[1])}")
        found = service.get("/v1/parked")["parked"]
    for each in found:
        words = f"{each['failures']} times, the last: {each['why']}"
        typer.echo(f"{each['device']:24} {each['name']}@{each['version']} {each['release']} failed {words}")
    if not found:
        typer.echo("no device is parked")
