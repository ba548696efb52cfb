"""What a test may do to a device and ask of it, whatever bench it is on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from hil.capture import Capture, Line
from hil.errors import MisuseError

# name: what a rig that has it can do
CAPABILITIES = {
    "keys": "press, hold and release PWR_SW1 and PWR_SW2",
    "bounce": "press with a contact that bounces",
    "event_line": "drive PWR_SW4",
    "capture": "edges with times",
    "battery": "set the cell's voltage",
    "temperature": "set the temperature",
    "charger": "plug and unplug a charger",
    "host_present": "plug and unplug a USB host",
    "gauge": "choose the gauge that is fitted",
    "gauge_fault": "make the gauge fail",
    "power": "cut and restore the power",
    "reset": "reset the device by its EN pin",
    "serial": "the device's log, with times",
    "flash": "put files on the device",
    "files": "read the files on its flash and card",
    "loopback": "check itself: an output of its own is wired to an input of its own",
    "dead_man": "let go of every line when the host is gone",
    "virtual_time": "time passes only while a test waits, and as fast as the machine can",
}


class Rig(Protocol):
    """Keys, cell, temperature and power of one device under test, and what its pins and its log did.

    Every wait is bounded. What the device did not do is a DeviceFault, with what it did instead; a method whose
    capability is missing raises MisuseError; a bench that can't be trusted raises RigFault (hil/errors.py).
    """

    backend: str
    capabilities: frozenset[str]
    resolution_us: float
    uncertainty_us: float  # of the time of one edge, as declared
    rate_ppm: float  # how far its clock may be off
    stamp: dict  # what was found at the start of the session, for the report

    @property
    def lines(self) -> list[Line]:
        """The device's log."""

    def press(self, key: str, ms: float, bounce: bool = False) -> None:
        """Press `PWR_SW1` or `PWR_SW2` and let it go `ms` later; returns at once."""

    def hold(self, key: str) -> None: ...

    def release(self, key: str) -> None: ...

    def event_line(self, level: int | None) -> None:
        """Drive PWR_SW4, or leave it to what else drives it."""

    def battery_mv(self, mv: int) -> None: ...

    def temp_c(self, c: float) -> None: ...

    def host_present(self, present: bool) -> None:
        """Plug or unplug a USB host."""

    def charger(self, present: bool) -> None: ...

    def gauge(self, kind: str) -> None:
        """Fit a gauge: max17048 or bq27427."""

    def gauge_fault(self, kind: str) -> None:
        """'' for none, or nack, waking, zeros, ones, frozen, wrong_part, bus_error, stuck_sda, stuck_scl."""

    def cut_power(self) -> None: ...

    def restore_power(self) -> None: ...

    def reset(self) -> None: ...

    def flash(self, files: Mapping[str, Path | bytes]) -> None:
        """Put {path on the device: file or bytes} on it."""

    def files(self, medium: str) -> dict[str, bytes]:
        """{path: content} on its "flash" or "card"; it has no power meanwhile."""

    def now_us(self) -> float:
        """The rig's time, which edges and lines carry."""

    def wait(self, ms: float) -> None: ...

    def capture(self, *signals: str) -> AbstractContextManager[Capture]:
        """Edges of these signals (or all) while the block runs; it may be judged after the block."""

    def expect(self, signal: str, value: int, within_ms: float) -> None:
        """The pin has this value within that time."""

    def expect_line(self, text: str, within_ms: float, since_us: float | None = None) -> str:
        """A line of the log that contains `text`, from now on or from `since_us` of the rig's time on."""

    def self_test(self) -> dict:
        """Measure a pulse of known length over the loopback: {"nominal_us", "measured_us"}. RigFault if it's off."""

    def close(self) -> None: ...


class Lacking:
    """The part of a rig that it lacks: each method says so. A rig inherits it and overrides what it has."""

    backend = ""
    capabilities: frozenset[str] = frozenset()

    def _lacks(self, capability: str) -> MisuseError:
        text = f"the {self.backend} rig can't {CAPABILITIES[capability]}: mark the test as needing {capability!r}"
        return MisuseError(text, capability)

    def event_line(self, level: int | None) -> None:
        raise self._lacks("event_line")

    def battery_mv(self, mv: int) -> None:
        raise self._lacks("battery")

    def temp_c(self, c: float) -> None:
        raise self._lacks("temperature")

    def host_present(self, present: bool) -> None:
        raise self._lacks("host_present")

    def charger(self, present: bool) -> None:
        raise self._lacks("charger")

    def gauge(self, kind: str) -> None:
        raise self._lacks("gauge")

    def gauge_fault(self, kind: str) -> None:
        raise self._lacks("gauge_fault")

    def cut_power(self) -> None:
        raise self._lacks("power")

    def restore_power(self) -> None:
        raise self._lacks("power")

    def reset(self) -> None:
        raise self._lacks("reset")

    def flash(self, files: Mapping[str, Path | bytes]) -> None:
        raise self._lacks("flash")

    def files(self, medium: str) -> dict[str, bytes]:
        raise self._lacks("files")

    def self_test(self) -> dict:
        raise self._lacks("loopback")
