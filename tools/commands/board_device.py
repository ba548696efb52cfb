"""The commands of `fieldrec board` that go through a serial port: on a real board, or on a virtual one's."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tools.commands.board import app, ask
from tools.commands.errors import explained

if TYPE_CHECKING:
    from tools.board.doctor import Row
    from tools.board.files import Show
    from tools.board.link import Link

Port = Annotated[Path, typer.Option(help="The serial port: /dev/ttyACM0, or that of a virtual board.")]
Keys = Annotated[Path, typer.Option(help="Folder of `fieldrec keys new`.")]
Release = Annotated[
    Path | None,
    typer.Option(help="A signed release; else one is built from this tree and signed with KEYS/release.pem."),
]
_KEYS = Path("keys")
_BOOT_S = 30


@contextmanager
def _told() -> Iterator[None]:
    from tools.board.flash import FlashError
    from tools.board.link import DeviceError, LinkError
    from tools.board.provision import ProvisionError

    with explained(FlashError, DeviceError, LinkError, ProvisionError):
        yield


@contextmanager
def _progress() -> Iterator["Show"]:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("{task.description:40}"), BarColumn(), DownloadColumn())
    with Progress(*columns, transient=True) as progress:
        bar = progress.add_task("", total=None)
        yield lambda path, done, total: progress.update(bar, description=path, completed=done, total=total)


@contextmanager
def _release(given: Path | None, keys: Path, board: str) -> Iterator[Path]:
    """The release of a command: the file, or one made for the moment."""
    import tempfile

    from tools import keys as key_folder
    from tools import release

    if not (keys / key_folder.ROOTS).exists():
        raise ValueError(
            f"{keys} has no {key_folder.ROOTS}: `fieldrec keys new {keys}` makes keys, once for all devices"
        )
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory() as work:
        made = release.build("1.0.0", [board], Path(work))
        release.sign(made, keys / "release.pem")
        yield made


def _started(said: list[str]) -> str:
    """What a board said of its start, the line that matters."""
    told = [line for line in said if line.startswith("spl:")]
    return told[-1] if told else "nothing: look at it with `fieldrec board log --follow`"


@app.command()
def flash(
    port: Port,
    keys: Keys = _KEYS,
    device_id: Annotated[
        str, typer.Option("--id", help="The device's name; a board that has one keeps it.")
    ] = "",
    board: Annotated[
        str, typer.Option(help="A folder of board/; esp32s3 for a board that has none yet.")
    ] = "",
    release: Release = None,
    new_identity: Annotated[
        bool, typer.Option("--new-identity", help="Forget who it was: key, certificate, settings, secret.")
    ] = False,
    restart: Annotated[bool, typer.Option(help="Start it afterwards.")] = True,
) -> None:
    """Put SPL, first release and trust on a board that runs MicroPython. Run it again if it was cut short.

    What is right already is not written again. The board judges the release by its own code, and all is read back.
    """
    from tools.board import flash as work
    from tools.board import recover
    from tools.board.link import connected

    with _told(), connected(port) as link:
        board = board or work.board_of(link) or "esp32s3"
        with _release(release, keys, board) as first, _progress() as show:
            done = work.flash(link, work.Order(device_id, board, keys, first, new_identity), show)
        said = link.restart("IDLE", recover.BOOTED, _BOOT_S) if restart else []
    count = done.count
    typer.echo(
        f"{done.device_id} ({done.board}): {count.written} files written, {count.bytes} bytes,"
        f" {count.kept} were right already; all read back"
    )
    if restart:
        typer.echo(f"it says: {_started(said)}")


@app.command()
def recover(
    port: Port,
    keys: Keys = _KEYS,
    release: Release = None,
    slot: Annotated[str, typer.Option(help="a or b, whatever is there; else only if both are bad.")] = "",
) -> None:
    """Put a signed release on a device whose slots are both bad. It stays who it is, and starts.

    The board judges the release by its own code before it seals the slot.
    """
    from tools.board import flash
    from tools.board import recover as work
    from tools.board.link import connected

    with _told():
        if slot not in ("", "a", "b"):
            raise ValueError(f"--slot {slot!r} is neither a nor b")
        with connected(port) as link:
            board = flash.board_of(link) or "esp32s3"
            with _release(release, keys, board) as chosen, _progress() as show:
                done = work.recover(link, chosen, slot, show)
            said = link.restart("IDLE", work.BOOTED, _BOOT_S)
    count = done.count
    typer.echo(
        f"{done.device_id}: {done.version} is in slot {done.slot}, {count.written} files written,"
        f" {count.kept} were right already"
    )
    typer.echo(f"it says: {_started(said)}")


def _label(link: "Link", device_id: str, out: Path) -> None:
    from tools.board import label, provision

    label.write(out, device_id, provision.new_pin(link))
    typer.echo(f"{out}: label with a new PIN, which is written nowhere else")


@app.command()
def provision(
    port: Port,
    cloud: Annotated[str, typer.Option(help="URL of the registration service, as the device reaches it.")],
    claim: Annotated[str, typer.Option(help="A claim token: `fieldrec cloud claim --device ID`.")],
    ca: Annotated[
        Path | None, typer.Option(help="The cloud's CA certificate, PEM; else what this host trusts.")
    ] = None,
    label: Annotated[
        Path | None, typer.Option(help="Make a new PIN and write a label with it: .png or .pdf.")
    ] = None,
    wifi: Annotated[str, typer.Option(help="The network to join.")] = "",
    wifi_key: Annotated[str, typer.Option(help="Its password.", envvar="FIELDREC_WIFI_KEY")] = "",
    again: Annotated[bool, typer.Option("--again", help="Also if it has a certificate.")] = False,
) -> None:
    """Make a flashed board a member of a cloud: key and request on the board, certificate back over the cable.

    No WiFi is needed, and the private key never leaves the board.
    """
    from tools import firmware
    from tools.board import label as labels
    from tools.board import provision as work
    from tools.board.link import connected

    with _told():
        if label:
            labels.check(label)
        order = work.Order(cloud, claim, firmware.der(ca), again, (wifi, wifi_key) if wifi else None)
        with connected(port) as link:
            done = work.provision(link, order)
            typer.echo(f"{done.device_id} is enrolled at {cloud}, certificate until {done.expires:%Y-%m-%d}")
            if label:
                _label(link, done.device_id, label)
            link.restart("IDLE")


@app.command()
def label(port: Port, out: Annotated[Path, typer.Option(help="A .png or a .pdf.")]) -> None:
    """Make a new PIN for the local page, and the label that shows it. The old PIN is no longer good."""
    from tools.board import label as labels
    from tools.board import provision as work
    from tools.board.link import connected

    with _told():
        labels.check(out)
        with connected(port) as link:
            _label(link, work.ready(link)["id"], out)
            link.restart()


@app.command()
def doctor(port: Port, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Look at everything on a board, and say what is wrong and what to do. Changes nothing.

    The exit code is 1 if anything is wrong.

    What runs is stopped for it and started again, unless the board would then go to sleep for what is wrong.
    """
    from dataclasses import asdict

    from tools.board import doctor as work
    from tools.board.link import connected

    with _told(), connected(port) as link:
        rows = work.examine(link)
        stays = work.must_not_restart(rows)
        if not stays:
            link.restart()
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows]))
    else:
        _show(rows)
        if stays:
            typer.echo(
                "The board was left at its REPL: it would sleep, out of reach, if it were started like this."
            )
    if work.is_wrong(rows):
        raise typer.Exit(1)


def _show(rows: "list[Row]") -> None:
    from rich.console import Console
    from rich.table import Table

    marks = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "wrong": "[red]wrong[/]"}
    table = Table(box=None, pad_edge=False)
    for title in ("", "", "found", "what to do"):
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(row.what, marks[row.verdict], row.found, row.to_do)
    Console(highlight=False).print(table)


@app.command()
def log(
    port: Annotated[Path, typer.Option(help="A serial port, or that of a virtual board.")] = Path("board0"),
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    data: Annotated[Path | None, typer.Option(help="Instead of a port: a virtual board's folder.")] = None,
) -> None:
    """The log, changes of state in bold.

    Of a virtual board that runs: all since it was started. Else what the device kept on its flash, for which the app is
    stopped and started again; with --follow what it says from now on, and nothing is stopped.
    """
    from tools.virtual.log import change

    with suppress(KeyboardInterrupt), _told():
        for line in _log(port, follow, data):
            typer.secho(line, bold=change(line) is not None)


def _log(port: Path, follow: bool, data: Path | None) -> Iterator[str]:
    from tools.board import log as work
    from tools.board.link import connected
    from tools.virtual.service import control_path

    if data:
        yield from work.kept_in(data)
    elif control_path(port).exists():
        yield from _log_of_virtual(port, follow)
    elif follow:
        yield from work.follow(port)
    else:
        with connected(port) as link:
            yield from work.kept(link)
            link.restart()


def _log_of_virtual(port: Path, follow: bool) -> Iterator[str]:
    seen = 0
    while (lines := ask(port, "log", seen)["lines"]) or follow:
        yield from lines
        seen += len(lines)
