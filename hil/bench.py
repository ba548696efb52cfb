"""A rig during a session: locked, opened, checked, and put into a known state before each test."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from hil.backends import open_rig
from hil.errors import DeviceFault, MisuseError, RigFault
from hil.inventory import Entry
from hil.locking import held
from hil.rig import Rig
from hil.watched import Watched

Files = Mapping[str, Path | bytes]

BATTERY_MV, TEMP_C = 3900, 25.0
_DEAD_MS = 200  # without power, so that capacitors are empty
_BEFORE_MS = 50  # of what is seen before a test does anything
_SAYS_MS = 5000  # from power-on to its decision
_DECIDED_MS = 1500  # after power-on the device has decided to stay off

# how far what it sets may be off, where the inventory does not say: a gauge's word, a filtered PWM into a divider
_ACCURACY = {
    "virtual": {"battery_mv": 0.0, "temperature_c": 0.0},
    "pico": {"battery_mv": 1.0, "temperature_c": 1.0},
    "gpiod": {"battery_mv": 0.0, "temperature_c": 0.0},
}


class Bench:
    """`files`: of the device's flash. A virtual board has them; another gets them if it can be flashed.

    A virtual rig has a board of its own for each test: a copy of one that was made once. On any other the device
    is the same for all tests, and is reset.
    """

    def __init__(self, name: str, entry: Entry, files: Files | None):
        self.name, self.entry, self.files = name, entry, files
        self.stamp: dict = {}
        self.self_test: dict = {}
        self.capabilities: frozenset[str] = frozenset()
        self._stack = ExitStack()
        self._rig: Rig | None = None
        self._image: Path | None = None

    @property
    def backend(self) -> str:
        return self.entry.backend

    @property
    def accuracy(self) -> dict[str, float]:
        given = self.entry.calibration.model_dump(include={"battery_mv", "temperature_c"}, exclude_none=True)
        return _ACCURACY[self.backend] | given

    def open(self) -> None:
        """Lock it, open it, and have it check itself. RigFault if it can't be trusted."""
        if self._rig:
            return
        self._stack.enter_context(held(self.entry.resource()))
        try:
            self._rig = self._opened()
            self.stamp = dict(self._rig.stamp)
            if "loopback" in self._rig.capabilities:
                self.self_test = self._rig.self_test()
            self.capabilities = self._wired(self._rig)
            self._flash()
        except BaseException:
            self.close()
            raise

    def _opened(self) -> Rig:
        options = self.entry.options()
        if self.backend == "virtual":
            if self.files is None:
                raise MisuseError("a virtual rig needs the files of its board's flash")
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="fieldrec-rig-")))
            self._image = folder / "image"
            options |= {"files": self.files, "folder": self._image}
        return open_rig(options)

    def _wired(self, rig: Rig) -> frozenset[str]:
        named = self.entry.capabilities
        if named is None:
            return rig.capabilities
        lacking = sorted(set(named) - rig.capabilities)
        if lacking:
            raise MisuseError(
                f"rig {self.name} is said to have {', '.join(lacking)}, which this {self.backend} rig lacks"
            )
        return frozenset(named)

    def _flash(self) -> None:
        if self._rig and self.files is not None and self.backend != "virtual":
            self._rig.flash(self.files)

    @property
    def rig(self) -> Rig:
        """It must be open."""
        if self._rig is None:
            raise RigFault(f"rig {self.name} is not open")
        return self._rig

    def __enter__(self) -> Bench:
        self.open()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        if self._rig:
            self._rig.close()
        self._rig = None
        self._stack.close()

    # -- a test at a time

    def prepare(self, folder: Path) -> Watched:
        """The rig with its device off, its battery in, nothing pressed, and no fault. `folder` is the test's own."""
        self.open()
        if self._image:
            self.rig.close()
            self._rig = self._copy(self._image, folder)
        watched = Watched(self.rig, self.capabilities, self.accuracy)
        settle(watched)
        watched.start()
        watched.rig.wait(_BEFORE_MS)
        return watched

    def _copy(self, image: Path, folder: Path) -> Rig:
        from hil.virtual import VirtualRig
        from tools.virtual.board import VirtualBoard

        subprocess.run(["cp", "-r", "--sparse=always", image, folder], check=True, timeout=60)
        options = {key: value for key, value in self.entry.options().items() if key != "backend"}
        return VirtualRig(VirtualBoard(folder, **options))

    def done(self, watched: Watched) -> None:
        """Nothing of a test stays pressed, and no power on a virtual board."""
        watched.finish()
        if self._image:
            watched.rig.close()
            shutil.rmtree(watched.rig.board.folder, ignore_errors=True)  # type: ignore[attr-defined]


def settle(watched: Watched) -> None:
    """Off, as it is before anybody touches it. RigFault if the device does not even say so."""
    rig, can = watched.rig, watched.capabilities
    watched.note("all at rest, power off and on")
    for capability, back in _AT_REST.items():
        if capability in can:
            back(rig)
    since_us = rig.now_us()
    if "power" in can:
        rig.cut_power()
        rig.wait(_DEAD_MS)
        rig.restore_power()
    elif "reset" in can:
        rig.reset()
    if "serial" in can:
        try:
            rig.expect_line("spl: row", _SAYS_MS, since_us=since_us)
        except DeviceFault as error:
            raise RigFault(
                "the device says nothing when it gets power: is its log wired, is its firmware on it?"
            ) from error
    rig.wait(_DECIDED_MS)


def _released(rig: Rig) -> None:
    rig.release("PWR_SW1")
    rig.release("PWR_SW2")


_AT_REST: dict[str, Callable[[Rig], None]] = {
    "keys": _released,
    "gauge_fault": lambda rig: rig.gauge_fault(""),
    "event_line": lambda rig: rig.event_line(None),
    "charger": lambda rig: rig.charger(False),
    "host_present": lambda rig: rig.host_present(False),
    "battery": lambda rig: rig.battery_mv(BATTERY_MV),
    "temperature": lambda rig: rig.temp_c(TEMP_C),
}
