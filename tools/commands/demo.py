"""`fieldrec demo`."""

import contextlib
import json
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="demo", help="Show the whole chain working, from key press to confirmed update.")


@app.callback(invoke_without_command=True)
def demo(
    speed: Annotated[float, typer.Option(help="How many times faster than real time.")] = 8.0,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave it running when all rows hold, until Ctrl-C.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a row.")] = False,
) -> None:
    """Run the demo: exit code 1 at the first row that does not hold, and why. Leaves nothing behind.

    It prints a link to the dashboard, where all of it can be watched live.
    """
    from tools.demo import rows

    folder = Path(tempfile.mkdtemp(prefix="fieldrec-demo-"))
    folder.chmod(0o755)  # as root, PostgreSQL runs as another user and has to get there
    started = time.monotonic()
    try:
        results, failure = rows.play(folder, speed, _until_interrupted if keep else None)
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


def _until_interrupted() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
