"""`fieldrec board`."""

import typer

app = typer.Typer(name="board", no_args_is_help=True, help="Run and steer a virtual board.")
