"""A session with a rig's firmware: requests and answers, its reports, a heartbeat, and round trips for its clock."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable
from typing import Protocol

from hil import frames
from hil.errors import MisuseError, RigError, RigFault
from hil.timebase import Trip

_ANSWER_S = 0.5
_TRIES = 3
_BEAT_S = 0.25  # a quarter of what the rig's dead-man waits
_TRIPS = 400  # kept: the first ones, and the last ones
_CTRL_C = 3


class Port(Protocol):
    """A serial port, as pyserial has it: `read` returns what came before its timeout."""

    in_waiting: int

    def read(self, size: int) -> bytes: ...

    def write(self, data: bytes) -> int | None: ...

    def close(self) -> None: ...


def now_us() -> float:
    """The host's time."""
    return time.monotonic_ns() / 1000


class Session:
    """The thread that reads calls `on_report(name, payload)`. `faults`: why the rig can't be trusted any more."""

    def __init__(self, port: Port, on_report: Callable[[str, bytes], None]):
        self._port, self._on_report = port, on_report
        self.faults: list[str] = []
        self.trips: list[Trip] = []
        self.edges_told = 0
        self._decoder = frames.Decoder()
        self._number = itertools.count(1)
        self._next_report = 0
        self._answers: dict[int, tuple[float, str, bytes]] = {}
        self._asking = threading.Lock()
        self._came = threading.Condition()
        self._closing = threading.Event()
        self.silent = False  # a test plays dead host
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._read, self._beat)]
        self._threads[0].start()
        try:
            self.about = self._hello()
        except RigError:
            self.close()
            raise
        self.faults.clear()  # what was left of an earlier session is none of this one
        self._threads[1].start()

    # -- requests

    def _hello(self) -> dict:
        """What the firmware says about itself. Before a session its port still takes Ctrl-C, so there must be none."""
        for number in itertools.count(1):
            sequence = next(self._number)
            payload = frames.pack("HELLO", frames.VERSION, number)
            if _CTRL_C not in frames.encode("HELLO", sequence, payload):
                self._next_report = 0
                return json.loads(self._ask("HELLO", sequence, payload))
        raise AssertionError("there is always a number")

    def request(self, name: str, *values: int, rest: bytes = b"") -> bytes:
        """Ask and wait for the answer; what it has beyond the rig's time. RigFault, or MisuseError if it was wrong."""
        return self._ask(name, None, frames.pack(name, *values) + rest)

    def _ask(self, name: str, sequence: int | None, payload: bytes) -> bytes:
        with self._asking:
            if sequence is None:
                sequence = next(self._number) & 0xFFFF
            for attempt in range(_TRIES):
                sent_us = now_us()
                self._write(bytes(frames.encode(name, sequence, payload)))
                answer = self._wait(sequence)
                if answer:
                    return self._understand(name, None if attempt else sent_us, *answer)
        raise self._fault(
            f"the rig did not answer {name} within {_ANSWER_S * _TRIES} s: is it plugged in, and flashed?"
        )

    def _write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except OSError as error:
            raise self._fault(f"the rig's port is gone: {error}") from error

    def _wait(self, sequence: int) -> tuple[float, str, bytes] | None:
        with self._came:
            self._came.wait_for(lambda: sequence in self._answers, _ANSWER_S)
            return self._answers.pop(sequence, None)

    def _understand(
        self, name: str, sent_us: float | None, received_us: float, kind: str, payload: bytes
    ) -> bytes:
        """What an answer has beyond the rig's time, which tells nothing where it was asked for again."""
        if kind == "ERROR":
            (code,), words = frames.unpack("ERROR", payload)
            text = f"the rig refused {name}: {words.decode(errors='replace')}"
            if code == frames.NO_SESSION:
                raise self._fault(text)
            raise RigFault(text) if code == frames.FAILED else MisuseError(text)
        (rig_us, self.edges_told, _, _), rest = frames.unpack("ACK", payload)
        if sent_us is not None:
            self._keep(Trip(sent_us, rig_us, received_us))
        return rest

    def _keep(self, trip: Trip) -> None:
        self.trips.append(trip)
        if len(self.trips) > _TRIPS:
            del self.trips[_TRIPS // 2]

    @property
    def rig_us(self) -> float:
        """The rig's time in its last answer."""
        return self.trips[-1].rig_us

    def _fault(self, words: str) -> RigFault:
        self.faults.append(words)
        return RigFault(words)

    # -- the threads

    def _read(self) -> None:
        while not self._closing.is_set():
            try:
                data = self._port.read(max(1, self._port.in_waiting))
            except OSError as error:
                self._fault(f"the rig's port is gone: {error}")
                return
            for byte in data:
                frame = self._decoder.feed(byte)
                if frame:
                    self._take(*frame)

    def _take(self, name: str, sequence: int, payload: bytes) -> None:
        if name in frames.ANSWERS:
            if name == "ACK":
                (_, _, reports, _), _ = frames.unpack("ACK", payload)
                self._expect(reports)
            with self._came:
                self._answers = {sequence: (now_us(), name, payload)}
                self._came.notify_all()
            return
        self._expect(sequence)
        self._next_report = (sequence + 1) & 0xFFFF
        self._on_report(name, payload)

    def _expect(self, report: int) -> None:
        """All reports before this one have come, or a fault says so. (An answer asked for again may be older.)"""
        missing = frames.gap(self._next_report, report)
        if 0 < missing < 1 << 15:
            self._fault(f"{missing} reports of the rig were lost before its report {report}")
            self._next_report = report

    def _beat(self) -> None:
        while not self._closing.wait(_BEAT_S):
            if self.silent:
                continue
            try:
                self.request("PING")
            except RigFault:
                return  # it stands in `faults`, and every wait looks there

    def close(self) -> None:
        """Without a heartbeat the rig lets go of everything, and its REPL answers again."""
        self._closing.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(_TRIES * _ANSWER_S + 1)
        self._port.close()
