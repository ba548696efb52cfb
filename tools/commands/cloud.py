"""`fieldrec cloud`."""

import typer

app = typer.Typer(name="cloud", no_args_is_help=True, help="Run the update cloud with all that it needs.")
