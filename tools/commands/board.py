"""`fieldrec board`."""

import json
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from tools.commands.errors import explained

app = typer.Typer(name="board", no_args_is_help=True, help="Run and steer a virtual board.")

Port = Annotated[Path, typer.Option(help="The serial port's path; steering commands find the board by it.")]
DeviceId = Annotated[str, typer.Option("--id", help="The device's name.")]
CloudUrl = Annotated[str, typer.Option("--cloud", help="URL of the registration service.")]
Ca = Annotated[Path | None, typer.Option("--ca", help="The cloud's CA certificate, PEM.")]
Claim = Annotated[str, typer.Option("--claim", help="A claim token for enrolment.")]
Keys = Annotated[
    Path | None, typer.Option("--keys", help="Folder of `fieldrec keys new`; made if there is none.")
]
_PORT = Path("board0")
_OUT = "A file: .vcd for GTKWave, .svg or .txt for a timing diagram, .jsonl for all of it, to be run again."


@app.command()
def run(
    port: Port = _PORT,
    data: Annotated[Path | None, typer.Option(help="The board's folder; by default PORT.data.")] = None,
    device_id: DeviceId = "dev-0001",
    cloud: CloudUrl = "",
    ca: Ca = None,
    claim: Claim = "",
    keys: Keys = None,
    speed: Annotated[float, typer.Option(help="How many times faster than real time.")] = 1.0,
) -> None:
    """Make a virtual board if there is none, and run it in real time until Ctrl-C. Its log goes to stdout.

    A USB host is taken to be present, so that it starts into IDLE.
    """
    from tools.virtual import service

    stop = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stop.set())
    folder = data or Path(f"{port}.data")
    new = service.NewDevice(device_id, cloud, ca, claim, keys)
    request = service.Request(folder, port, new, speed)
    with service.running(request, on_line=_say) as path:
        _say(
            f"board {device_id} is at {path}; steer it with: fieldrec board press PWR_SW1 --ms 1600 --port {port}"
        )
        stop.wait()


@app.command()
def image(
    out: Annotated[Path, typer.Option(help="A new folder for the files.")],
    board: Annotated[str, typer.Option(help="A folder of board/.")] = "esp32s3",
    device_id: DeviceId = "dev-0001",
    cloud: CloudUrl = "",
    ca: Ca = None,
    claim: Claim = "",
    keys: Keys = None,
) -> None:
    """Write all files of a new device's flash to a folder, to be copied by mpremote."""
    import tempfile

    from tools import firmware

    with explained(), tempfile.TemporaryDirectory() as work:
        out.mkdir(parents=True)
        identity = firmware.Identity(device_id, board, keys or Path("keys"), cloud, firmware.der(ca), claim)
        for path, content in firmware.first_flash(identity, Path(work)).items():
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            (out / path).write_bytes(content)
    print(f"{out} is ready; put it on a board with: mpremote connect PORT fs cp -r {out}/. :")


def _say(line: str) -> None:
    print(line, flush=True)  # at once, also into a pipe


def _ask(port: Path, *order) -> dict:
    from tools.virtual import service

    try:
        return service.ask(port, list(order))
    except service.NoBoard as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None


@app.command()
def press(key: str, ms: int = 200, bounce: bool = False, port: Port = _PORT) -> None:
    """Press PWR_SW1 or PWR_SW2 for some time."""
    _ask(port, "press", key, ms, bounce)


@app.command()
def battery(mv: int, port: Port = _PORT) -> None:
    """Set the cell's voltage in mV."""
    _ask(port, "battery_mv", mv)


@app.command()
def temperature(c: float, port: Port = _PORT) -> None:
    """Set the temperature in degrees Celsius."""
    _ask(port, "temperature_c", c)


@app.command()
def power(on: bool, port: Port = _PORT) -> None:
    """Put the battery in (true) or pull it (false)."""
    _ask(port, "power_on" if on else "cut_power")


@app.command()
def status(port: Port = _PORT, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Power, state, pins, cell and temperature."""
    answer = _ask(port, "status")
    print(
        json.dumps(answer) if as_json else "\n".join(f"{name:12} {value}" for name, value in answer.items())
    )


@app.command()
def log(
    port: Port = _PORT,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
) -> None:
    """The log since the board was started, changes of state in bold."""
    from tools.virtual.log import change

    seen = 0
    with suppress(KeyboardInterrupt):
        while (lines := _ask(port, "log", seen)["lines"]) or follow:
            for line in lines:
                typer.secho(line, bold=change(line) is not None)
            seen += len(lines)


@app.command()
def trace(
    out: Annotated[Path, typer.Option(help=_OUT)],
    port: Port = _PORT,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="Record so long from now on, or until Ctrl-C.")
    ] = None,
) -> None:
    """Write a trace: what the board did and what was done to it, since its start or for some seconds from now."""
    from tools.virtual import export
    from tools.virtual.trace import Trace

    with explained():
        write = export.WRITERS[export.kind_of(out)]
        start_us = 0 if seconds is None else int(_ask(port, "status")["time_s"] * 1e6)
        with suppress(KeyboardInterrupt):
            time.sleep(seconds or 0)
        recorded = Trace.from_records(_ask(port, "trace")["records"])
        out.write_text(write(recorded, start_us))
    print(f"{out}: {(recorded.end_us - start_us) / 1e6:.1f} s, {len(recorded.edges)} edges")
