"""The rig of a virtual board: the world is told, and time passes only while a test waits."""

from collections.abc import Iterator
from contextlib import contextmanager

from tools.virtual import diagram
from tools.virtual.board import BoardError, VirtualBoard
from tools.virtual.trace import Trace

_BEFORE_US = 2_000_000  # what a failure shows of the time before the wait


class VirtualRig:
    """A `hil.rig.Rig`; `board` is there for what only a simulation can tell."""

    def __init__(self, board: VirtualBoard):
        self.board = board

    def press(self, key: str, ms: float, bounce: bool = False) -> None:
        self.board.do("press", key, ms, bounce)

    def hold(self, key: str) -> None:
        self.board.do("hold", key)

    def release(self, key: str) -> None:
        self.board.do("release", key)

    def battery_mv(self, mv: int) -> None:
        self.board.do("battery_mv", mv)

    def temp_c(self, c: float) -> None:
        self.board.do("temperature_c", c)

    def host_present(self, present: bool) -> None:
        self.board.do("hold" if present else "release", "USB")

    def gauge_fault(self, kind: str) -> None:
        self.board.do("set_gauge_fault", kind)

    def cut_power(self) -> None:
        self.board.do("cut_power")

    def restore_power(self) -> None:
        self.board.do("power_on")

    def wait(self, ms: float) -> None:
        self.board.run_for(ms)

    def expect(self, signal: str, value: int, within_ms: float) -> None:
        pins = self.board.pins
        with self._shown(signal):
            self.board.run_until(lambda: pins.get(signal, 0) == value, within_ms, f"{signal} = {value}")

    def expect_line(self, text: str, within_ms: float) -> str:
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
            raise BoardError(f"{error}\n{shown}") from None

    def close(self) -> None:
        self.board.close()
