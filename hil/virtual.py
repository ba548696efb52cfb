"""The rig of a virtual board: the world is told, and time passes only while a test waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hil.capture import Capture, Edge, Line
from hil.errors import DeviceFault, MisuseError
from hil.rig import CAPABILITIES, Lacking
from tools.virtual import diagram
from tools.virtual.board import BoardError, VirtualBoard
from tools.virtual.log import timed
from tools.virtual.signals import signals as signals_of
from tools.virtual.trace import Trace
from tools.virtual.wiring import INPUTS, KEYS, OUTPUTS

_BEFORE_US = 2_000_000  # what a failure shows of the time before the wait
_INPUTS = (*KEYS.values(), *INPUTS.values())
_ALL = (*_INPUTS, *OUTPUTS.values())


class _Missed(DeviceFault, BoardError):
    """What was expected of the board did not come."""


class VirtualRig(Lacking):
    """A `hil.rig.Rig`; `board` is there for what only a simulation can tell."""

    backend = "virtual"
    capabilities = frozenset(CAPABILITIES) - {"loopback", "dead_man"}
    resolution_us = 1.0
    uncertainty_us = 1.0
    rate_ppm = 0.0

    def __init__(self, board: VirtualBoard):
        self.board = board
        self.stamp = {"time": "real" if board.real else "virtual", "seed": board.seed}
        if board.real:
            self.capabilities = self.capabilities - {"virtual_time"}

    # -- stimulus

    def press(self, key: str, ms: float, bounce: bool = False) -> None:
        if ms <= 0:
            raise MisuseError(f"a press of {ms} ms")
        self.board.do("press", _input(key), ms, bounce)

    def hold(self, key: str) -> None:
        self.board.do("hold", _input(key))

    def release(self, key: str) -> None:
        self.board.do("release", _input(key))

    def event_line(self, level: int | None) -> None:
        self.board.do("force_event_line", -1 if level is None else level)

    def battery_mv(self, mv: int) -> None:
        self.board.do("battery_mv", mv)

    def temp_c(self, c: float) -> None:
        self.board.do("temperature_c", c)

    def host_present(self, present: bool) -> None:
        self.board.do("hold" if present else "release", "USB")

    def charger(self, present: bool) -> None:
        self.board.do("hold" if present else "release", "CHARGER")

    def gauge(self, kind: str) -> None:
        self.board.do("set_gauge", kind)

    def gauge_fault(self, kind: str) -> None:
        self.board.do("set_gauge_fault", kind)

    def cut_power(self) -> None:
        self.board.do("cut_power")

    def restore_power(self) -> None:
        self.board.do("power_on")

    def reset(self) -> None:
        """As EN does it: the processor starts as after power-on, and all around it stays as it is."""
        self.cut_power()
        self.restore_power()

    def flash(self, files: Mapping[str, Path | bytes]) -> None:
        """A new board with these files: its card is empty, its battery out, and its time begins anew."""
        old = self.board
        old.close()
        options = {"seed": old.seed, "real": old.real, "rate": old.rate, "heap": old.heap}
        self.board = VirtualBoard.create(old.folder, files, **options)

    def files(self, medium: str) -> dict[str, bytes]:
        return self.board.read_card() if medium == "card" else self.board.read_flash()

    # -- what it did

    def now_us(self) -> float:
        return self.board.now_us

    @property
    def lines(self) -> list[Line]:
        return [Line(*line) for line in timed(self.board)]

    def wait(self, ms: float) -> None:
        self.board.run_for(ms)

    @contextmanager
    def capture(self, *signals: str) -> Iterator[Capture]:
        wanted = signals or _ALL
        seen = Capture(self.board.now_us, self.uncertainty_us, self.rate_ppm)
        board, first = self.board, len(self.board.edges)
        seen.levels = {name: self.board.pins.get(name, 0) for name in wanted if name not in _INPUTS}
        try:
            yield seen
        finally:
            seen.end_us = self.board.now_us
            if self.board is not board:
                seen.reasons.append("the board was flashed meanwhile: its time began anew")
            edges = [Edge(*edge) for edge in board.edges[first:] if edge[1] in wanted]
            inputs = [name for name in wanted if name in _INPUTS]
            if inputs and not seen.reasons:
                edges += self._world_edges(inputs, seen)
            seen.edges = sorted(edges)
            seen.ended = True

    def _world_edges(self, names: list[str], seen: Capture) -> list[Edge]:
        """What the world did to the board's inputs, which it tells when it is done once more."""
        edges = []
        found = signals_of(Trace.of(self.board))
        for name in names:
            (_, level), *points = found[name].within(int(seen.start_us) - 1, int(seen.end_us)).points
            seen.levels[name] = int(level)
            edges += [Edge(t, name, int(value)) for t, value in points]
        return edges

    def expect(self, signal: str, value: int, within_ms: float) -> None:
        pins = self.board.pins
        with self._shown(signal):
            self.board.run_until(lambda: pins.get(signal, 0) == value, within_ms, f"{signal} = {value}")

    def expect_line(self, text: str, within_ms: float, since_us: float | None = None) -> str:
        if since_us is not None:
            for line in self.lines:
                if line.t_us >= since_us and text in line.text:
                    return line.text
        with self._shown():
            return self.board.expect_line(text, within_ms)

    @contextmanager
    def _shown(self, *signals: str) -> Iterator[None]:
        """A failure shows what moved around it, and `signals` in any case."""
        start_us = max(0, self.board.now_us - _BEFORE_US)
        try:
            yield
        except BoardError as error:
            shown = diagram.text(Trace.of(self.board), start_us, self.board.now_us, signals)
            raise _Missed(f"{error}\n{shown}") from None

    def close(self) -> None:
        self.board.close()


def _input(name: str) -> str:
    if name not in _INPUTS:
        raise MisuseError(f"no key {name!r}; there are {', '.join(_INPUTS)}")
    return name
