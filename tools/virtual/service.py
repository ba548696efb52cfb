"""A board that runs as a service: made on first use, reached by its serial port and by a control socket beside it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools import firmware
from tools.virtual import log
from tools.virtual.board import BoardError, VirtualBoard
from tools.virtual.live import LiveBoard
from tools.virtual.news import news
from tools.virtual.trace import Trace

_SYNC_S = 0.5  # a core that computes for longer does not say where its clock stands
_NEWS_S = 1.0  # how long a line of the log is waited for


class NoBoard(Exception):
    """No board runs at this port, or it refused; the text says which."""


@dataclass
class NewDevice:
    """Who a board is when it is made."""

    device_id: str
    cloud: str
    ca: Path | None
    claim: str
    keys: Path | None
    empty: bool = False  # MicroPython and nothing else


@dataclass
class Request:
    """What `fieldrec board run` was asked for."""

    folder: Path
    port: Path
    new: NewDevice
    speed: float


def control_path(port: Path) -> Path:
    return port.with_name(port.name + ".control")


@dataclass
class Running:
    """`page_url` answers while the local page is open; `pin` is "" if the board has no label."""

    port: Path
    page_url: str
    pin: str


@contextlib.contextmanager
def running(request: Request, on_line: Callable[[str], None]) -> Iterator[Running]:
    """The board, powered and in real time."""
    if not (request.folder / "flash.img").exists():
        _make(request)
    board = VirtualBoard(request.folder, real=True, rate=request.speed, on_line=on_line)
    live = ServedBoard(board, request.port)
    with live, _Control(control_path(request.port), live):
        live.do("schedule", board.now_us, "USB", True)
        live.do("power_on")
        pin = request.folder / "pin.txt"
        url = f"http://127.0.0.1:{board.host_port.number()}"
        yield Running(request.port, url, pin.read_text() if pin.exists() else "")


def _make(request: Request) -> None:
    request.folder.mkdir(parents=True, exist_ok=True)
    made = request.new
    if made.empty:
        VirtualBoard.create(request.folder, {})
        return
    identity = firmware.Identity(
        made.device_id, "virtual", made.keys or request.folder / "keys", made.cloud, firmware.der(made.ca), made.claim,
        {"wifi_ssid": "virtual", "wifi_on": bool(made.cloud)},
    )  # fmt: skip
    pin = firmware.new_pin()
    files = firmware.first_flash(identity, request.folder) | {"etc/pin.txt": pin.encode()}
    VirtualBoard.create(request.folder, files)
    (request.folder / "pin.txt").write_text(pin)  # its label


class ServedBoard(LiveBoard):
    """A live board that says where it stands now."""

    def sync(self) -> None:
        """Have the clock and the world of a board that runs told; by themselves they come once a second."""
        known = self.board.world
        self.ping()
        with contextlib.suppress(TimeoutError):
            self.wait_for(lambda board: board.world is not known or board.power != "on", _SYNC_S, "its clock")

    def trace(self) -> Trace:
        traces: list[Trace] = []
        self._call(lambda: traces.append(Trace.of(self.board)))
        return traces[0]


class _Control:
    """Takes orders as one line of JSON each on a Unix socket; answers with one."""

    def __init__(self, path: Path, live: ServedBoard):
        path.unlink(missing_ok=True)
        run = secrets.token_hex(8)

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                answer = _carry_out(live, run, json.loads(self.rfile.readline()))
                with contextlib.suppress(BrokenPipeError):  # who asked has gone
                    self.wfile.write(json.dumps(answer).encode() + b"\n")

        self._path = path
        self._server = socketserver.ThreadingUnixStreamServer(str(path), Handler)
        os.chmod(path, 0o600)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exc) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._path.unlink(missing_ok=True)


def _carry_out(live: ServedBoard, run: str, order: list) -> dict:
    name, *arguments = order
    try:
        if name == "log":
            return _log(live, *arguments)
        if name == "news":
            return news(live, run, *arguments)
        live.sync()
        if name in _TELLS:
            return _TELLS[name](live)
        live.do(name, *arguments)
    except (BoardError, ValueError, TypeError) as error:
        return {"error": str(error)}
    return {}


def _status(live: ServedBoard) -> dict:
    board, world = live.board, live.board.world
    return {
        "power": board.power, "state": log.last_state(board.lines), "pins": board.pins, "ocv_mv": world.ocv_mv,
        "temp_c": world.temp_c, "time_s": board.now_us / 1e6,
    }  # fmt: skip


def _log(live: ServedBoard, start: int) -> dict:
    """The lines from number `start` on; if there is none, the next one is waited for a moment."""
    with contextlib.suppress(TimeoutError):
        live.wait_for(lambda board: len(board.lines) > start, _NEWS_S, "a line")
    return {"lines": live.board.lines[start:]}


_TELLS = {"status": _status, "trace": lambda live: {"records": live.trace().records()}}


def ask(port: Path, order: list) -> dict:
    """Send one order to the board at `port`. NoBoard if none runs there or it refused."""
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(str(control_path(port)))
        except OSError as error:
            raise NoBoard(
                f"no board runs at {port} ({error}): fieldrec board run --port {port} starts it"
            ) from None
        line.sendall(json.dumps(order).encode() + b"\n")
        answer = json.loads(line.makefile().readline() or '{"error": "the board stopped meanwhile"}')
    if "error" in answer:
        raise NoBoard(answer["error"])
    return answer
