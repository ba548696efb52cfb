"""`fieldrec recordings`."""

from pathlib import Path
from typing import Annotated

import typer

from tools.commands.errors import explained

app = typer.Typer(name="recordings", no_args_is_help=True, help="Check and export what a device recorded.")

Folder = Annotated[Path, typer.Argument(help="A recording's folder.", exists=True, file_okay=False)]


@app.command()
def verify(
    folder: Annotated[
        Path, typer.Argument(help="A recording's folder, or a card.", exists=True, file_okay=False)
    ],
    key: Annotated[
        Path | None, typer.Option(help="The device's seal.key, or its recording key in hex: checks the seal.")
    ] = None,
) -> None:
    """Check segments, chain and seal, and say what is missing or changed. Exit code 1 if anything is."""
    from tools import recordings

    bad = 0
    with explained():
        secret = recordings.seal_key(key.read_bytes()) if key else None
        for session in recordings.sessions(folder):
            try:
                verdict = recordings.verify(session, secret)
            except recordings.RecordingError as error:
                print(f"{session}: {error}")
                bad += 1
                continue
            length = verdict.about["length_ms"]
            known = "length unknown" if length is None else f"{length / 1000:.1f} s"
            state = "whole" if not verdict.faults else "NOT WHOLE"
            repaired = ", repaired after a power cut" if verdict.about.get("repaired") else ""
            print(f"{session}: {state}, {known}, seal {verdict.seal}{repaired}")
            for fault in verdict.faults:
                print(f"  {fault}")
            bad += bool(verdict.faults)
    if bad:
        raise typer.Exit(1)


@app.command()
def export(
    folder: Folder,
    out: Annotated[Path, typer.Argument(help="The file to write: .wav, or .avi of a recording with video.")],
) -> None:
    """Join the segments into one file, and list the bookmarks beside it."""
    from tools import recordings

    with explained():
        listed = recordings.export(folder, out)
    print(f"{out}, bookmarks in {listed}")
