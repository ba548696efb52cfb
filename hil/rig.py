"""What a test may do to a device and ask of it, whatever bench it is on."""

from typing import Protocol


class Rig(Protocol):
    """Keys, cell, temperature and power of one device under test, and what its pins and its log did.

    Every wait is bounded; what does not come in time raises with the log around it.
    """

    def press(self, key: str, ms: float, bounce: bool = False) -> None:
        """Press `PWR_SW1` or `PWR_SW2` and let it go `ms` later; returns at once."""

    def hold(self, key: str) -> None: ...

    def release(self, key: str) -> None: ...

    def battery_mv(self, mv: int) -> None: ...

    def temp_c(self, c: float) -> None: ...

    def host_present(self, present: bool) -> None:
        """Plug or unplug a USB host."""

    def gauge_fault(self, kind: str) -> None:
        """'' for none, or nack, waking, zeros, ones, frozen, wrong_part, bus_error, stuck_sda, stuck_scl."""

    def cut_power(self) -> None: ...

    def restore_power(self) -> None: ...

    def wait(self, ms: float) -> None: ...

    def expect(self, signal: str, value: int, within_ms: float) -> None:
        """The pin has this value within that time."""

    def expect_line(self, text: str, within_ms: float) -> str:
        """A line of the log from now on that contains `text`."""
