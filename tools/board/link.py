"""A board at a serial port, by mpremote: its REPL runs our scripts (ondevice/), and files go by it.

LinkError       the board can't be reached, or was lost
DeviceError     code on the board raised; the text has its words
"""

import base64
import contextlib
import io
import json
import secrets
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import serial  # type: ignore[import-untyped]
from mpremote.transport import TransportError, TransportExecError  # type: ignore[import-untyped]
from mpremote.transport_serial import SerialTransport  # type: ignore[import-untyped]

SCRIPTS = Path(__file__).parent / "ondevice"
_READ_S = 3
_RUN_S = 180  # a first signature, whose comb is derived, is the longest that a script is silent
_ENTER_S = 2
_ENTER_TRIES = 8  # a Ctrl-C may fall into light sleep, or into a start
_PIECE = 2048  # bytes of a file in one command
_PIECE_BACK = 1024  # and in one answer: a serial line may drop what is longer than its buffer
_AT_ONCE = 20  # hashes in one answer
_LOST = (TransportError, serial.SerialException, struct.error, OSError)

Progress = Callable[[int], None]


class LinkError(Exception):
    """The board can't be reached, or was lost; the text says what to do."""


class DeviceError(Exception):
    """Code on the board raised; the text has its words."""


@contextlib.contextmanager
def connected(port: Path | str) -> Iterator["Link"]:
    """The board in its raw REPL: what runs on it is stopped by Ctrl-C, without a reset. LinkError."""
    with _open(str(port)) as transport:
        _enter(transport)
        yield Link(transport)


@contextlib.contextmanager
def _open(port: str) -> Iterator[SerialTransport]:
    try:
        transport = SerialTransport(port, timeout=_READ_S)
    except (TransportError, OSError, serial.SerialException) as error:
        raise LinkError(
            f"{port} can't be opened: {error}; is the board plugged in, and nothing else connected to it?"
        ) from None
    transport.is_pty = False  # which would wait for ever on a board that resets and talks, and talks
    try:
        yield transport
    finally:
        with contextlib.suppress(OSError, serial.SerialException):
            transport.close()


def _enter(transport: SerialTransport) -> None:
    for tries_left in reversed(range(_ENTER_TRIES)):
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # it prints what it did not expect
                transport.enter_raw_repl(soft_reset=False, timeout_overall=_ENTER_S)
            transport.is_pty = True  # from here on wait for bytes, instead of looking for them every 10 ms
            _catch_up(transport)
            return
        except _LOST:
            transport.is_pty = False
            if not tries_left:
                raise LinkError(
                    f"{transport.device_name} opens, but no MicroPython answers: a board that is off sleeps, so"
                    " press its reset or hold its power key; a new one needs MicroPython first (docs/boards.md)"
                ) from None


def _catch_up(transport: SerialTransport) -> None:
    """A slow board still answers earlier tries, and a late Ctrl-C stops what comes next: have it say a word of now."""
    word = secrets.token_hex(4)
    transport.serial.write(f"print('{word}', end='')\x04".encode())
    wanted = f"OK{word}\x04\x04".encode()
    if not transport.read_until(1, wanted, timeout_overall=_ENTER_S).endswith(wanted):
        raise TransportError("the board did not catch up")


class Name:
    """An argument that the board has already, by `Link.send`."""

    def __init__(self, name: str):
        self._name = name

    def __repr__(self) -> str:
        return self._name


class Link:
    """`load` a script once, then `call` its functions. LinkError and DeviceError from all of it."""

    def __init__(self, transport: SerialTransport):
        self._transport = transport

    def load(self, script: str) -> None:
        """Define the functions of ondevice/SCRIPT.py on the board."""
        self._run((SCRIPTS / f"{script}.py").read_text())

    def call(self, function: str, *arguments):
        """What a function of a loaded script returns, by JSON."""
        written = ", ".join(repr(argument) for argument in arguments)
        output = self._run(f"import json\nprint('\\n' + json.dumps({function}({written})))")
        return json.loads(output.strip().splitlines()[-1])

    def hashes(self, paths: Sequence[str]) -> list[str | None]:
        """SHA-256 in hex of each file, None where there is none; the script `files` is loaded."""
        parts = [paths[start : start + _AT_ONCE] for start in range(0, len(paths), _AT_ONCE)]
        return [digest for part in parts for digest in self.call("hashes", list(part))]

    def send(self, name: str, data: bytes) -> None:
        """Make `name` a bytearray of the board's REPL."""
        self._run(f"{name} = bytearray()")
        for start in range(0, len(data), _PIECE):
            self._run(f"{name}.extend({data[start : start + _PIECE]!r})")

    def write(self, path: str, data: bytes, progress: Progress = lambda size: None) -> None:
        """Replace a file as a whole: a cable that is pulled leaves the old one, or none. The script `files` is loaded.

        The folders must be there. `progress(bytes)` is called at each step.
        """
        last = max(0, len(data) - 1) // _PIECE
        for number in range(last + 1):
            piece = data[number * _PIECE : (number + 1) * _PIECE]
            self._run(f"put({path!r}, {base64.b64encode(piece)!r}, {number == 0}, {number == last})")
            progress(len(piece))

    def read(self, path: str) -> bytes:
        """OSError's words in a DeviceError if there is no such file."""
        self._run(f"import binascii\nf = open({path!r}, 'rb')")
        data = bytearray()
        while piece := self._run(
            f"print(binascii.b2a_base64(f.read({_PIECE_BACK})).decode(), end='')"
        ).strip():
            data += base64.b64decode(piece)
        self._run("f.close()")
        return bytes(data)

    def restart(self, state: str = "", wanted: tuple[str, ...] = (), wait_s: float = 0) -> list[str]:
        """Reset the board, to go on in `state` or in the one it had; what it says then.

        Lines until one holds any of `wanted`, or for so long. A USB port may go and come back.
        """
        keep = f"from board.memory import RtcMemory\nRtcMemory().update(state={state!r})\n" if state else ""
        self._transport_does(
            lambda: self._transport.exec_raw_no_follow(keep + "import machine\nmachine.reset()")
        )
        said: list[str] = []
        if wanted:
            for line in lines(self._transport.serial, self._transport.device_name, wait_s):
                said.append(line)
                if any(text in line for text in wanted):
                    break
        return said

    def _run(self, code: str) -> str:
        output, error = self._transport_does(lambda: self._transport.exec_raw(code, timeout=_RUN_S))
        if error:
            raise DeviceError(_words(error.decode(errors="replace")))
        return output.decode(errors="replace")

    def _transport_does(self, act: Callable):
        try:
            return act()
        except TransportExecError as error:
            raise DeviceError(_words(error.error_output)) from None
        except _LOST as error:
            raise LinkError(f"{self._transport.device_name}: the board was lost: {error}") from None


def _words(trace: str) -> str:
    """The last line of a traceback."""
    told = [line for line in trace.strip().splitlines() if line.strip()]
    return told[-1] if told else "the board raised an error without words"


def lines(line: serial.Serial | None, port: str, wait_s: float | None) -> Iterator[str]:
    """What the board says, line by line, for so long, or for ever; a port that goes is opened again."""
    begin, partial = time.monotonic(), b""
    while wait_s is None or time.monotonic() - begin < wait_s:
        try:
            if line is None:
                line = serial.Serial(port, timeout=0.2)
            line.timeout = 0.2
            partial += line.read(max(1, line.in_waiting))
        except (OSError, serial.SerialException):
            line = None
            time.sleep(0.2)  # nothing can be awaited: the port is gone
            continue
        *whole, partial = partial.split(b"\n")
        yield from (each.decode(errors="replace").rstrip("\r") for each in whole)
