"""`fieldrec users`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from tools.commands.errors import explained
from tools.commands.where import Group, given

if TYPE_CHECKING:
    from tools.dashboard import Dashboard

app = typer.Typer(name="users", cls=Group, no_args_is_help=True, help="People who sign in to the dashboard.")

Name = Annotated[str, typer.Argument(help="Of the user.")]


class Role(StrEnum):
    viewer = "viewer"
    operator = "operator"
    approver = "approver"
    admin = "admin"


app.callback()(given)


@contextmanager
def _dashboard(context: typer.Context) -> Iterator["Dashboard"]:
    from tools.dashboard import DashboardError, dashboard
    from tools.service import ServiceError, Where

    where = Where("dashboard", *context.obj)
    with explained(DashboardError, ServiceError), dashboard(where) as opened:
        yield opened


@app.command("list")
def list_(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Show who may sign in, and as what."""
    from tools.dashboard import USERS

    with _dashboard(context) as dashboard:
        for each in dashboard.ask(USERS):
            how = ["password"] * each["hasPassword"] + ["provider"] * each["byProvider"] or ["link"]
            state = "disabled" if each["disabledAt"] else f"{each['sessions']} sessions"
            words = f"{each['name']:24} {each['role'].lower():10} {'+'.join(how):18} {state}"
            typer.echo(json.dumps(each) if as_json else words)


@app.command()
def add(
    context: typer.Context,
    name: Name,
    role: Annotated[Role, typer.Option(help="What the user may do.")] = Role.viewer,
    password: Annotated[
        bool, typer.Option(help="Ask for a password; else the user signs in by link.")
    ] = True,
) -> None:
    """Make a user."""
    from tools.dashboard import CREATE

    given = typer.prompt("Password", hide_input=True, confirmation_prompt=True) if password else None
    with _dashboard(context) as dashboard:
        dashboard.ask(CREATE, name=name, role=role.name.upper(), password=given)
    typer.echo(f"{name} is {role.value}")


@app.command()
def change(
    context: typer.Context,
    name: Name,
    role: Annotated[Role | None, typer.Option(help="Another role.")] = None,
    password: Annotated[bool, typer.Option("--password", help="Ask for another password.")] = False,
    disabled: Annotated[
        bool | None, typer.Option("--disable/--enable", help="Signed out at once, and no more let in.")
    ] = None,
) -> None:
    """Change a user."""
    from tools.dashboard import CHANGE

    given = typer.prompt("Password", hide_input=True, confirmation_prompt=True) if password else None
    with _dashboard(context) as dashboard:
        asked = {"role": role and role.name.upper(), "password": given, "disabled": disabled}
        user = dashboard.ask(CHANGE, name=name, **asked)["user"]
    typer.echo(f"{name} is {user['role'].lower()}{', disabled' if user['disabledAt'] else ''}")


@app.command()
def link(context: typer.Context, name: Name) -> None:
    """Make a link's token, with which a user signs in once, within 15 minutes."""
    from tools.dashboard import LINK

    with _dashboard(context) as dashboard:
        typer.echo(dashboard.ask(LINK, name=name)["token"])
