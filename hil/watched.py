"""A rig whose orders are noted, for the report; and how exact it is in what it sets."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hil import timing
from hil.capture import Capture
from hil.rig import Rig

_ORDERS = (
    "press", "hold", "release", "event_line", "battery_mv", "temp_c", "host_present", "charger", "gauge",
    "gauge_fault", "cut_power", "restore_power", "reset",
)  # fmt: skip
_MOST_ORDERS = 1000  # that are kept, the newest ones
_SHOWN_LINES = 60
_DEAD_MS, _STARTED_MS = 200, 4000


class Watched:
    """Behaves as the rig that it is made of, and captures all of it from `start` to `finish`.

    `capabilities`: of those of the rig, what this bench has wired. `accuracy`: {"battery_mv", "temperature_c"}, how
    far what it sets may be from what it was told.
    """

    def __init__(self, rig: Rig, capabilities: frozenset[str], accuracy: Mapping[str, float]):
        self.rig = rig
        self.capabilities = capabilities
        self.accuracy = accuracy
        self.whole: Capture | None = None
        self.orders: list[timing.Note] = []
        self._running = ExitStack()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.rig, name)
        return self._noted(name, found) if name in _ORDERS else found

    def _noted(self, name: str, order: Any) -> Any:
        def ordered(*arguments: Any, **options: Any) -> Any:
            words = [name, *map(str, arguments), *(f"{key}={value}" for key, value in options.items())]
            self.note(" ".join(words))
            return order(*arguments, **options)

        return ordered

    def note(self, text: str) -> None:
        """What was done, for the report."""
        self.orders.append((self.rig.now_us(), text))
        del self.orders[:-_MOST_ORDERS]

    def flash(self, files: Mapping[str, Path | bytes]) -> None:
        """A virtual board's time begins anew with it, and so does what is seen. A real device must be awake for it."""
        self.finish()
        if "virtual_time" not in self.capabilities and {"host_present", "power"} <= self.capabilities:
            self.rig.cut_power()
            self.rig.host_present(True)
            self.rig.wait(_DEAD_MS)
            self.rig.restore_power()
            self.rig.wait(_STARTED_MS)
        self.rig.flash(files)
        self.start()

    def start(self) -> None:
        self.orders.clear()
        if "capture" in self.capabilities:
            self.whole = self._running.enter_context(self.rig.capture())

    def finish(self) -> None:
        """End the capture; a rig that is gone can't, and has said so where it went."""
        self._running.close()

    # -- what the report shows

    @property
    def seconds(self) -> float:
        return (self.whole.end_us - self.whole.start_us) / 1e6 if self.whole else 0.0

    def picture(self) -> str:
        return timing.picture(self.whole, self.rig.lines, self.orders) if self.whole else ""

    def story(self) -> str:
        """The end of it as a small diagram."""
        return timing.text(self.whole, self.rig.lines, self.orders) if self.whole else ""

    def log(self) -> list[str]:
        start_us = self.whole.start_us if self.whole else 0.0
        lines = [line for line in self.rig.lines if line.t_us >= start_us][-_SHOWN_LINES:]
        return [f"{(line.t_us - start_us) / 1e6:10.3f}  {line.text}" for line in lines]
