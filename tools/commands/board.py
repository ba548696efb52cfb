"""`fieldrec board`."""

import json
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from tools.commands.errors import explained

app = typer.Typer(
    name="board", no_args_is_help=True, help="Run and steer a virtual board; flash and look after any board."
)

Port = Annotated[Path, typer.Option(help="The serial port's path; steering commands find the board by it.")]
DeviceId = Annotated[str, typer.Option("--id", help="The device's name.")]
CloudUrl = Annotated[str, typer.Option("--cloud", help="URL of the registration service.")]
Ca = Annotated[Path | None, typer.Option("--ca", help="The cloud's CA certificate, PEM.")]
Claim = Annotated[str, typer.Option("--claim", help="A claim token for enrolment.")]
Keys = Annotated[
    Path | None, typer.Option("--keys", help="Folder of `fieldrec keys new`; made if there is none.")
]
_PORT = Path("board0")
_BOUNCES_MS = 50
_LOOK_EVERY_S = 0.05
_STUCK_S = 10
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
    empty: Annotated[
        bool, typer.Option("--empty", help="A new one has MicroPython and nothing else, to be flashed.")
    ] = False,
) -> None:
    """Make a virtual board if there is none, and run it in real time until Ctrl-C. Its log goes to stdout.

    A USB host is taken to be present, so that it starts into IDLE.
    """
    from tools.virtual import service

    stop = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stop.set())
    folder = data or Path(f"{port}.data")
    new = service.NewDevice(device_id, cloud, ca, claim, keys, empty)
    request = service.Request(folder, port, new, speed)
    with service.running(request, on_line=_say) as running:
        name = "an empty board" if empty else f"board {device_id}"
        _say(f"{name} is at {port}; steer it with: fieldrec board press PWR_SW1 --ms 1600 --port {port}")
        if running.pin:
            _say(f"a press of 3200 ms opens its local page for 10 min: {running.page_url}, PIN {running.pin}")
        else:
            _say(f"its local page, once it is open: {running.page_url}, with the PIN of its label")
        stop.wait()


@app.command()
def panel(
    port: Port = _PORT,
    http: Annotated[int, typer.Option(help="The port of the page, on the loopback interface.")] = 8090,
    show: Annotated[bool, typer.Option(help="Open a browser.")] = False,
) -> None:
    """A page in the browser to press its keys, see its lights, and change the world around it, until Ctrl-C."""
    from tools.panel.serve import serve

    serve(port, http, show, on_ready=lambda address: _say(f"panel of {port}: {address}"))


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


def ask(port: Path, *order) -> dict:
    from tools.virtual import service

    try:
        return service.ask(port, list(order))
    except service.NoBoard as error:
        _fail(str(error))


def _fail(words: str) -> NoReturn:
    typer.echo(f"error: {words}", err=True)
    raise typer.Exit(1) from None


@app.command()
def press(key: str, ms: int = 200, bounce: bool = False, port: Port = _PORT) -> None:
    """Press PWR_SW1 or PWR_SW2 for some time, and wait until it is let go."""
    start_s = _time_s(port)
    ask(port, "press", key, ms, bounce)
    _let_pass(port, start_s + (ms + _BOUNCES_MS) / 1000)


def _time_s(port: Path) -> float:
    return ask(port, "status")["time_s"]


def _let_pass(port: Path, until_s: float) -> None:
    """Wait for the board's own time, which goes as fast as it was started with."""
    last_s, seen = -1.0, time.monotonic()
    while (now_s := _time_s(port)) < until_s:
        if now_s > last_s:
            last_s, seen = now_s, time.monotonic()
        elif time.monotonic() - seen > _STUCK_S:
            _fail(
                f"nothing runs on the board, it may be at its REPL: mpremote connect {port} reset starts it"
            )
        time.sleep(_LOOK_EVERY_S)  # the board can only be asked


@app.command()
def battery(mv: int, port: Port = _PORT) -> None:
    """Set the cell's voltage in mV."""
    ask(port, "battery_mv", mv)


@app.command()
def temperature(c: float, port: Port = _PORT) -> None:
    """Set the temperature in degrees Celsius."""
    ask(port, "temperature_c", c)


@app.command()
def power(on: bool, port: Port = _PORT) -> None:
    """Put the battery in (true) or pull it (false)."""
    ask(port, "power_on" if on else "cut_power")


@app.command()
def card(
    out: Annotated[Path, typer.Argument(help="A new folder.")],
    port: Port = _PORT,
    data: Annotated[Path | None, typer.Option(help="The board's folder; by default PORT.data.")] = None,
) -> None:
    """Copy what is on a virtual board's card, as if it were in a reader. The board must not run."""
    from tools.virtual import service
    from tools.virtual.board import VirtualBoard

    folder = data or Path(f"{port}.data")
    with explained():
        if service.control_path(port).exists():
            raise ValueError(f"a board runs at {port}: end it first, its card is in use")
        if not (folder / "sd.img").exists():
            raise ValueError(f"{folder} is no virtual board's folder: there is no sd.img in it")
        files = VirtualBoard(folder).read_card()
        for path, content in files.items():
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            (out / path).write_bytes(content)
    print(f"{out}: {len(files)} files, {sum(map(len, files.values()))} bytes")


@app.command()
def status(port: Port = _PORT, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Power, state, pins, cell and temperature."""
    answer = ask(port, "status")
    print(
        json.dumps(answer) if as_json else "\n".join(f"{name:12} {value}" for name, value in answer.items())
    )


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
        start_us = 0 if seconds is None else int(ask(port, "status")["time_s"] * 1e6)
        with suppress(KeyboardInterrupt):
            time.sleep(seconds or 0)
        recorded = Trace.from_records(ask(port, "trace")["records"])
        out.write_text(write(recorded, start_us))
    print(f"{out}: {(recorded.end_us - start_us) / 1e6:.1f} s, {len(recorded.edges)} edges")
