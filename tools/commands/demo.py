"""`fieldrec demo`."""

import typer

app = typer.Typer(name="demo", no_args_is_help=True, help="Show the whole chain working, from key press to confirmed update.")
