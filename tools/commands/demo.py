"""`fieldrec demo`."""

import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="demo", help="Show the whole chain working, from key press to confirmed update.")


@app.callback(invoke_without_command=True)
def demo(
    speed: Annotated[float, typer.Option(help="How many times faster than real time.")] = 8.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a row.")] = False,
) -> None:
    """Run the demo: exit code 1 at the first row that does not hold, and why. Leaves nothing behind."""
    from tools.demo import rows

    folder = Path(tempfile.mkdtemp(prefix="fieldrec-demo-"))
    folder.chmod(0o755)  # as root, PostgreSQL runs as another user and has to get there
    started = time.monotonic()
    try:
        results, failure = rows.play(folder, speed)
    finally:
        shutil.rmtree(folder)
    if as_json:
        for result in results:
            print(json.dumps(result.__dict__))
    else:
        rows.show(results, time.monotonic() - started)
    if failure:
        typer.echo(f"row {failure}", err=True)
        raise typer.Exit(1)
