"""`fieldrec board`."""

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="board", no_args_is_help=True, help="Run and steer a virtual board.")

Port = Annotated[Path, typer.Option(help="The serial port's path; steering commands find the board by it.")]
_PORT = Path("board0")


@app.command()
def run(
    port: Port = _PORT,
    data: Annotated[Path | None, typer.Option(help="The board's folder; by default PORT.data.")] = None,
    device_id: Annotated[str, typer.Option("--id", help="The device's name.")] = "dev-0001",
    cloud: Annotated[str, typer.Option(help="URL of the registration service.")] = "",
    ca: Annotated[Path | None, typer.Option(help="The cloud's CA certificate, PEM.")] = None,
    claim: Annotated[str, typer.Option(help="A claim token for enrolment.")] = "",
    keys: Annotated[Path | None, typer.Option(help="Folder with roots.json and keyring.json.")] = None,
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
    request = service.Request(folder, port, device_id, cloud, ca, claim, keys, speed)
    with service.running(request, on_line=print) as path:
        print(
            f"board {device_id} is at {path}; steer it with: fieldrec board press PWR_SW1 --ms 1600 --port {port}"
        )
        sys.stdout.flush()
        stop.wait()


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
    _ask(port, "power", on)


@app.command()
def status(port: Port = _PORT, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Power, pins, cell and temperature."""
    answer = _ask(port, "status")
    print(
        json.dumps(answer) if as_json else "\n".join(f"{name:12} {value}" for name, value in answer.items())
    )
