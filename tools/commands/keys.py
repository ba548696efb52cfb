"""`fieldrec keys`."""

import typer

app = typer.Typer(name="keys", no_args_is_help=True, help="Make and list signing keys.")
