"""`fieldrec release`."""

import typer

app = typer.Typer(name="release", no_args_is_help=True, help="Build, sign, verify, inspect and publish releases.")
