"""What rigs have in common that watch real wires while real time passes: edges, levels, log, and waiting for them."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from hil.capture import Capture, Edge, Line
from hil.errors import DeviceFault, MisuseError, RigFault
from hil.rig import Lacking

_MOST = 200_000  # edges and lines that are kept, the newest ones
_SHOWN = 20
_LOOK_S = 0.05  # how often a wait looks whether the rig still lives

# further edges of a contact that bounces, after the first; an even number ends on its level
BOUNCE_US = (900, 2100, 3300, 5200)


def bouncing(length_us: float) -> list[tuple[float, bool]]:
    """(us since the press, pressed) of a press with a contact that chatters at both ends."""
    return [
        (start_us + us, pressed ^ bool(i & 1))
        for start_us, pressed in ((0.0, True), (length_us, False))
        for i, us in enumerate((0, *BOUNCE_US))
    ]


class Wired(Lacking, ABC):
    """A rig fills it from its own thread by `_saw` and `_heard`, and overrides `now_us`, `faults` and `_sync`."""

    signals: Sequence[str] = ()
    uncertainty_us = 0.0
    rate_ppm = 0.0

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._edges: list[Edge] = []
        self._levels: dict[str, int] = {}
        self._dropped = 0
        self._news = threading.Condition()

    # -- what the rig fills in

    @property
    @abstractmethod
    def faults(self) -> list[str]:
        """What made the rig unfit to judge, from the start of the session on; it only grows."""

    @property
    def lines(self) -> list[Line]:
        return self._lines

    @abstractmethod
    def now_us(self) -> float: ...

    @abstractmethod
    def _sync(self) -> float:
        """Have everything in that happened up to now; returns that time."""

    def _saw(self, edges: Sequence[Edge]) -> None:
        with self._news:
            self._edges += edges
            self._levels.update((edge.signal, edge.level) for edge in edges)
            surplus = len(self._edges) - _MOST
            if surplus > 0:
                del self._edges[:surplus]
                self._dropped += surplus
            self._news.notify_all()

    def _heard(self, lines: Sequence[Line]) -> None:
        with self._news:
            self._lines += lines
            del self._lines[:-_MOST]
            self._news.notify_all()

    # -- what a test calls

    def _known(self, signal: str) -> str:
        if signal not in self.signals:
            raise MisuseError(f"no signal {signal!r} on this rig; it watches {', '.join(self.signals)}")
        return signal

    @contextmanager
    def capture(self, *signals: str) -> Iterator[Capture]:
        wanted = [self._known(name) for name in signals] or list(self.signals)
        faults = len(self.faults)
        seen = Capture(self._sync(), self.uncertainty_us, self.rate_ppm)
        with self._news:
            seen.levels = {name: self._levels.get(name, 0) for name in wanted}
            first = self._dropped + len(self._edges)
        try:
            yield seen
        finally:
            self._finish(seen, wanted, first, faults)

    def _finish(self, seen: Capture, wanted: list[str], first: int, faults: int) -> None:
        try:
            seen.end_us = self._sync()
        except RigFault as fault:
            seen.end_us = self.now_us()
            seen.reasons.append(str(fault))
        with self._news:
            if first < self._dropped:
                seen.reasons.append(f"{self._dropped - first} edges were too many to keep")
            seen.edges = [e for e in self._edges[max(0, first - self._dropped) :] if e.signal in wanted]
        seen.reasons += [fault for fault in self.faults[faults:] if fault not in seen.reasons]
        seen.rate_ppm = self.rate_ppm
        seen.ended = True

    def wait(self, ms: float) -> None:
        """A fault of the rig meanwhile is told by what is asked of it next, and by its captures."""
        time.sleep(ms / 1000)

    def expect(self, signal: str, value: int, within_ms: float) -> None:
        self._known(signal)
        if not self._until(lambda: self._levels.get(signal, 0) == value, within_ms):
            raise DeviceFault(f"{signal} = {value} did not come within {within_ms} ms\n{self.story(signal)}")

    def expect_line(self, text: str, within_ms: float, since_us: float | None = None) -> str:
        since_us = self.now_us() if since_us is None else since_us
        found: list[str] = []

        def comes() -> bool:
            found[:] = [line.text for line in self.lines if line.t_us >= since_us and text in line.text]
            return bool(found)

        if not self._until(comes, within_ms):
            raise DeviceFault(f"a line with {text!r} did not come within {within_ms} ms\n{self.story()}")
        return found[0]

    def _until(self, condition: Callable[[], bool], within_ms: float) -> bool:
        """Whether it came. RigFault as soon as the rig has one."""
        end_s = time.monotonic() + within_ms / 1000
        before = len(self.faults)
        with self._news:
            while not condition():
                left_s = end_s - time.monotonic()
                if len(self.faults) > before:
                    raise RigFault(self.faults[before])
                if left_s <= 0:
                    return False
                self._news.wait(min(left_s, _LOOK_S))
        return True

    def story(self, *signals: str) -> str:
        """The last edges and lines, in words."""
        with self._news:
            edges = [e for e in self._edges if not signals or e.signal in signals][-_SHOWN:]
            told = [(e.t_us, f"{e.signal} -> {e.level}") for e in edges]
            told += [(line.t_us, line.text) for line in self.lines[-_SHOWN:]]
        if not told:
            return "nothing moved and nothing was said"
        return "\n".join(f"{t_us / 1000:12.3f} ms  {words}" for t_us, words in sorted(told))
