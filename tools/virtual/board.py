"""A virtual board: a folder with its flash and card, the world around it, and the interpreter that is its processor.

    board = VirtualBoard.create(folder, files)
    board.power_on()
    board.do("press", "PWR_SW1", 1600)
    board.run_for(2000)

Time is virtual unless `real` is set: it passes only in `run_for` and `run_until`, as fast as the machine can.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tools.virtual.hostport import HostPort
from tools.virtual.processor import HERE, Processor

sys.path.append(str(HERE))  # world, wiring and others are shared with the interpreter, under these names
from world import NEVER_US, World

from tools.virtual import chip, media  # after the line that makes what they import findable

UTC_S = 1_767_225_600  # 2026-01-01, where virtual time begins
HANG_S = 20  # of the host's time without a word from the interpreter: its core hangs
_GRANT_US = 3_600_000_000  # it says a word at least once in this much of its own time


class BoardError(Exception):
    """The virtual board can't do what was asked; the text says why."""


class VirtualBoard:
    """Power states: `dead` (no battery), `off` (deep sleep; the world goes on), `on` (the interpreter runs)."""

    def __init__(
        self, folder: Path, *, seed: int = 1, real: bool = False, rate: float = 1.0,
        heap: str = "1M", utc_s: int | None = None, on_line: Callable[[str], None] | None = None,
    ):  # fmt: skip
        """`on_line` gets each line of the console."""
        self.folder = Path(folder)
        self.seed, self.real, self.rate, self.heap = seed, real, rate, heap
        self.utc_s = utc_s if utc_s is not None else (int(time.time()) if real else UTC_S)
        self.on_line = on_line
        self.on_output: Callable[[bytes], None] | None = None  # a serial port: there is a REPL after main.py
        self.on_boot: Callable[[str], None] | None = None
        self.world = World(self._load_world())
        self.power = "dead"
        self.pins: dict[str, int] = {}
        self.edges: list[tuple[int, str, int]] = []
        self.lines: list[str] = []
        self.line_times_us: list[int] = []  # the board's last known time when each was read
        self.page_url = ""  # of the local page, once it was opened
        self.host_port = HostPort()
        self.boots: list[tuple[int, str, str]] = []  # (time, cause, wake)
        self.ends: list[str] = []
        # what was done, from `do`: (time, command, arguments); first the world as it was found
        self.orders: list[tuple[int, str, tuple]] = [
            (self.now_us, "found", (json.loads(json.dumps(self.world.save())),))
        ]
        self.flash_ops = 0
        self.slept_us = 0  # in light sleep, since the last start
        self.cut: list | None = None
        self.ticks_offset_us = 0
        self.chip = chip.Chip()
        self.running = ""  # label of the partition whose image was started last
        self._panicked = False
        self._rtc = ""
        self._wake: dict = {}
        self._wdt_due_us = NEVER_US
        self.raw_repl = False
        self.console_is_log = True
        self.wdt_timeout_ms = 0
        self.pong = 0
        self._processor: Processor | None = None
        self._ordered: list[
            list
        ] = []  # orders to the world since the start, in case the processor stops before
        self._granted = self._used_up = 0  # grants of time: given, and reported as used up
        self._partial = ""

    # -- its folder

    @classmethod
    def create(cls, folder: Path, files: Mapping[str, Path | bytes], **options) -> VirtualBoard:
        """A new board with `files` ({path on the board: file or bytes}) on its flash.

        `runtime`: the image in its partition ota_0 (espimage.make), by default one of the interpreter's version.
        """
        media.make(Path(folder), files, options.pop("runtime", None))
        return cls(folder, **options)

    def _load_world(self) -> dict | None:
        path = self.folder / "world.json"
        return json.loads(path.read_text()) if path.exists() else None

    def save(self) -> None:
        """Keep the world in the folder, so that the board goes on where it was."""
        (self.folder / "world.json").write_text(json.dumps(self.world.save()))

    def read_card(self) -> dict[str, bytes]:
        """{path: content} of the SD card, as a card reader would see it; the board must not run."""
        return self._read_back("card")

    def read_flash(self) -> dict[str, bytes]:
        """{path: content} of the internal flash; the board must not run."""
        return self._read_back("flash")

    def _read_back(self, medium: str) -> dict[str, bytes]:
        if self.power == "on":
            raise BoardError(f"the {medium} is in use: cut the power first")
        return media.read_back(self.folder, medium)

    # -- power

    @property
    def now_us(self) -> int:
        return self.world.now_us

    def power_on(self) -> None:
        """Put the battery in."""
        if self.power != "dead":
            raise BoardError(f"the board has power already, it is {self.power}")
        self._rtc, self._wake, self._wdt_due_us = "", {}, NEVER_US
        self.world.power_gauge()
        self._boot("power", "")

    def cut_power(self) -> None:
        """Pull the battery, here and now."""
        if self.power == "on":
            self._send({"end": "cut"})
            self._await_end()
        self.power = "dead"

    def close(self) -> None:
        """Stop the interpreter; the folder stays."""
        self._kill()
        self.host_port.close()
        self.power = "dead"

    def __enter__(self) -> VirtualBoard:
        return self

    def __exit__(self, *exc) -> None:
        self.close()

    # -- the world

    def do(self, command: str, *arguments) -> None:
        """Act on the world (a public method of `World` and its arguments) or on the battery: power_on, cut_power.

        What is done this way is in `orders`, and can be done again.
        """
        at_us = self.now_us
        if command in ("power_on", "cut_power"):
            getattr(self, command)()
        elif command.startswith("_") or not callable(getattr(World, command, None)):
            raise BoardError(f"the world has no {command!r}")
        elif self.power == "on":
            self._ordered.append([command, *arguments])
            self._send({"do": self._ordered[-1]})
        else:
            getattr(self.world, command)(*arguments)
            self.world.advance(at_us)
        self.orders.append((at_us, command, arguments))

    # -- time

    def run_for(self, ms: float) -> None:
        """Let virtual time pass."""
        self._run(self.now_us + int(ms * 1000), None)

    def run_until(
        self, condition: Callable[[], bool], timeout_ms: float, what: str = "the condition"
    ) -> None:
        """Let virtual time pass until `condition()` holds: looked at after every edge, line and stop."""
        if not self._run(self.now_us + int(timeout_ms * 1000), condition):
            tail = "\n".join(self.lines[-15:])
            raise BoardError(
                f"{what} did not come within {timeout_ms} ms; the board is {self.power}, it said:\n{tail}"
            )

    def expect_line(self, text: str, timeout_ms: float) -> str:
        """The next line of the console, from here on, that contains `text`."""
        start = len(self.lines)
        self.run_until(
            lambda: any(text in line for line in self.lines[start:]), timeout_ms, f"a line with {text!r}"
        )
        return next(line for line in self.lines[start:] if text in line)

    def _run(self, target_us: int, condition: Callable[[], bool] | None) -> bool:
        while True:
            if condition and condition():
                return True
            if self.now_us >= target_us:
                return condition is None
            if self.power == "on":
                self._grant(target_us, condition is not None)
            else:
                self.pass_off(target_us)

    def _grant(self, target_us: int, stop_on_notice: bool) -> None:
        target_us = min(target_us, self.now_us + _GRANT_US)
        self._granted += 1
        self._send({"grant": self._granted, "until": target_us, "stop_on_notice": stop_on_notice})
        while self.power == "on" and self._used_up < self._granted:
            self._listen()

    def pass_off(self, target_us: int) -> None:
        """Time without the processor: the world goes on, and may wake it."""
        wake = self._wake_due() if self.power == "off" else ""
        while not wake and self.now_us < target_us:
            self.world.advance(max(self.now_us, min(target_us, self.next_off_us())))
            wake = self._wake_due() if self.power == "off" else ""
        if wake and self._panicked:
            self._boot("reset", "")
        elif wake:
            self._boot("wake", wake)

    def next_off_us(self) -> int:
        """When something may happen to a board that is off."""
        timer_us = self._wake.get("timer_us") if self.power == "off" else None
        return min(self.world.next_us(), NEVER_US if timer_us is None else timer_us)

    @property
    def wake_signals(self) -> set[str]:
        """The signals that would wake the board from deep sleep."""
        armed = [self._wake.get(name) for name in ("ext0", "ext1")]
        return {signal for entry in armed if entry for signal in entry[0]}

    def _active_of(self, wake: str) -> list[str]:
        """Which signals of a wake source are active now."""
        entry = self._wake.get(wake)
        return [signal for signal in entry[0] if self.world.levels[signal] == entry[1]] if entry else []

    def _wake_due(self) -> str:
        for name in ("ext0", "ext1"):
            if self._active_of(name):
                return name
        timer_us = self._wake.get("timer_us")
        return "timer" if timer_us is not None and self.now_us >= timer_us else ""

    # -- the interpreter

    def _boot(self, cause: str, wake: str) -> None:
        if self.on_boot:
            self.on_boot(cause)
        self.boots.append((self.now_us, cause, wake))
        start = self.chip.start(self.folder, cause, self.cut)
        self.running, self._panicked = start.running, start.how == "panic"
        if start.how != "run":
            self._stopped_early(start)
            return
        message = {
            "world": self.world.save(), "cause": cause, "wake": wake, "rtc": self._rtc,
            "wake_signals": self._active_of(wake), "seed": self.seed,
            "real": self.real, "rate": self.rate, "utc_s": self.utc_s, "folder": str(self.folder.resolve()),
            "unique_id": f"{self.seed:012x}", "cut": self.cut, "wdt_due_us": self._wdt_due_us,
            "ticks_offset_us": self.ticks_offset_us, "raw_repl": self.raw_repl, "repl": bool(self.on_output),
            "running": start.running, "fault": start.fault, "flash_ops": start.flash_ops,
            "rollback": self.chip.rollback, "port": self.host_port.number() if self.real else 0,
        }  # fmt: skip
        self._processor = Processor(message, heap=self.heap, repl=bool(self.on_output))
        self._used_up = self._granted
        self._ordered = []
        self.wdt_timeout_ms = 0
        self.cut = None
        self.power = "on"

    def _stopped_early(self, start: chip.Start) -> None:
        """Power went, or the image crashed, before there was an interpreter."""
        self.ends.append(start.how)
        self.flash_ops = start.flash_ops
        if start.how == "cut":
            self.cut = None
            self.power, self._rtc = "dead", ""
        else:
            self.power, self._wake = "off", {"timer_us": self.now_us + chip.PANIC_US}

    def _listen(self) -> None:
        """Wait for words of the interpreter and act on them."""
        ready, _, _ = select.select(self.streams(), [], [], HANG_S)
        if ready:
            self.serve(ready)
        else:
            self.hang()

    def streams(self) -> list:
        return self._processor.streams() if self._processor else []

    def serve(self, ready: list) -> None:
        """Act on what is ready of `streams()`."""
        processor = self._processor
        if processor is None:
            return
        self._read_console()
        messages = processor.receive(ready)
        if messages is None:
            self._ended({"how": "soft" if self.on_output else "exit", "world": self.world.save()})
            return
        for message in messages:
            self._handle(message)

    def hang(self) -> None:
        """The core does not answer: the watchdog ends it, and nothing else could."""
        self._ended({"how": "wdt", "world": self.world.save()})

    def interrupt(self) -> None:
        """Ctrl-C while code runs."""
        if self._processor:
            self._processor.interrupt()

    def type(self, data: bytes) -> None:
        """Characters for the REPL, or for a program that reads them."""
        if self._processor:
            os.write(self._processor.console, data)

    def ping(self, number: int) -> None:
        self._send({"ping": number})

    def _send(self, message: dict) -> None:
        if self._processor:
            self._processor.send(message)

    def _read_console(self) -> None:
        data = self._processor.output() if self._processor else b""
        if self.on_output and data:
            self.on_output(data)
        if not self.console_is_log:
            return
        *lines, self._partial = (self._partial + data.decode(errors="replace")).split("\n")
        for line in lines:
            self.lines.append(line.rstrip("\r"))
            self.line_times_us.append(self.now_us)
            if self.on_line:
                self.on_line(self.lines[-1])

    def _handle(self, message: dict) -> None:
        kind = message["ev"]
        if kind == "edge":
            self.pins[message["signal"]] = message["value"]
            self.edges.append((message["t"], message["signal"], message["value"]))
        elif kind == "paused":
            self._read_console()
            self.world = World(message["world"])
            self._used_up = message["grant"]
            self.slept_us = message["slept_us"]
        elif kind == "end":
            self._ended(message)
        elif kind == "wdt":
            self.wdt_timeout_ms = message["timeout_ms"]
        elif kind == "pong":
            self.pong = message["ping"]
            self.world = World(message["world"])
        elif kind == "rtc":
            self._rtc = message["memory"]
        elif kind == "utc":
            self.utc_s = message["utc_s"]
        elif kind == "serves":
            self.page_url = f"http://127.0.0.1:{message['at']}"

    def _await_end(self) -> None:
        while self.power == "on":
            self._listen()

    def _ended(self, message: dict) -> None:
        """The processor stopped: what its end means for the next start."""
        how = message["how"]
        self._read_console()
        self._kill()
        self.world = World(message["world"])
        self.world.duty = 0.0  # the load's gate has a pull-down
        for command, *arguments in self._ordered[message.get("done", 0) :]:
            getattr(self.world, command)(*arguments)  # it came too late for the processor, not for the world
        for name, value in list(self.pins.items()):
            if value:
                self.pins[name] = 0
                self.edges.append((self.now_us, name, 0))
        self.ends.append(how)
        self.flash_ops = message.get("flash_ops", 0)
        self._wake = message.get("wake", {})
        self._wdt_due_us = message.get("wdt_due_us", NEVER_US) if how == "soft" else NEVER_US
        if how in ("cut", "exit"):
            self.power, self._rtc = "dead", ""
        elif how == "deepsleep":
            self.power = "off"
        else:
            self._boot(how, "")

    def _kill(self) -> None:
        if self._processor:
            self._processor.kill()
            self._processor = None
