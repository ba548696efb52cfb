"""The rig on a Raspberry Pi Pico, seen from the host: hil/pico/ is its firmware, hil/frames.py what they speak."""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Mapping
from pathlib import Path

from hil import frames, onboard
from hil.capture import Edge, Line
from hil.errors import DeviceFault, MisuseError, RigFault
from hil.pico.pins import CAPTURE_BASE, CAPTURE_COUNT, SIGNALS
from hil.pico_gauge import GaugeWords, thermistor_duty
from hil.pico_session import Port, Session, now_us
from hil.rig import CAPABILITIES
from hil.timebase import Calibration, Limits, calibrate
from hil.wired import Wired, bouncing

_FIRST_TICK = 0xFFFFFFFF
_KEYS = ("PWR_SW1", "PWR_SW2")
_TRIPS, _TRIP_EVERY_S = 40, 0.01  # at the start of a session
_READ_S = 0.02  # how long a read of the port waits
_LOOP_US = 10_000.0
_RESET_US = 10_000
_MOST_MS = 1_000_000.0  # of a press: the rig counts microseconds in 30 bits


_log = logging.getLogger(__name__)


class PicoRig(Wired):
    """`wiring`: {signal: GP number}, where it is not as in hil/pico/pins.py; `device_port`: to flash the device."""

    backend = "pico"
    resolution_us = 1.0
    uncertainty_us = (
        2.0  # a look a microsecond, two cycles of the pins' synchronizer, and one look to find the start
    )

    def __init__(
        self, port: str | Port, *, wiring: Mapping[str, int] | None = None, device_port: str = "",
        limits: Limits | None = None,
    ):  # fmt: skip
        super().__init__()
        lacks = {"virtual_time", "files"} | (set() if device_port else {"flash"})
        self.capabilities = frozenset(CAPABILITIES) - lacks
        self._limits = limits or Limits()
        self._device_port = device_port
        self._gpio = _checked({**SIGNALS, **(wiring or {})})
        self.signals = tuple(self._gpio)
        self._faults: list[str] = []
        self._word: int | None = None  # the pins as they were last seen
        self._told = 0  # edges that came
        self._partial = b""
        self._partial_us = 0.0
        self._gauge = GaugeWords()
        self._session = Session(_open(port) if isinstance(port, str) else port, self._report)
        try:
            self._session.request("CAPTURE", 1)
            for _ in range(_TRIPS):
                time.sleep(_TRIP_EVERY_S)
                self._session.request("PING")
            self.calibration = self._calibrate()
            self.gauge(self._gauge.kind)
        except RigFault:
            self.close()
            raise

    # -- time

    def _calibrate(self) -> Calibration:
        """RigFault if the rig's clock is out of its limits."""
        calibration = calibrate(self._session.trips)
        known_ppm = abs(calibration.drift_ppm) + calibration.drift_uncertainty_ppm
        self.rate_ppm = min(self._limits.drift_ppm, known_ppm)
        self.stamp = {**self._session.about, **calibration.stamp(), "rate_ppm": round(self.rate_ppm, 2)}
        calibration.check(self._limits)
        return calibration

    def now_us(self) -> float:
        return self.calibration.to_rig_us(now_us())

    @property
    def faults(self) -> list[str]:
        return [*self._faults, *self._session.faults]

    def _sync(self) -> float:
        self._session.request("PING")
        lost = (
            self._session.edges_told - self._told
        ) & 0xFFFFFFFF  # more may have come since it told, never fewer
        if 0 < lost < 1 << 31:
            self._told = self._session.edges_told
            self._faults.append(f"{lost} edges of the rig did not come")
        self.calibration = self._calibrate()
        return self._session.rig_us

    # -- what it tells, in the session's thread

    def _report(self, name: str, payload: bytes) -> None:
        if name == "EDGES":
            self._edges_came(payload)
        elif name == "SERIAL":
            (t_us,), data = frames.unpack("SERIAL", payload)
            self._log_came(t_us, data)

    def _edges_came(self, payload: bytes) -> None:
        (flags, first, rig_us, epoch_us), rest = frames.unpack("EDGES", payload)
        for flag, words in _LOSSES.items():
            if flags & flag:
                self._faults.append(words)
        if first != self._told & 0xFFFFFFFF:
            self._faults.append(f"edges {self._told} to {first} did not come")
        changes = list(struct.iter_unpack("<II", rest))
        self._told = (first + len(changes)) & 0xFFFFFFFF
        edges: list[Edge] = []
        for word, tick in changes:
            t_us = epoch_us + frames.unwrap(rig_us - epoch_us, _FIRST_TICK - tick)
            edges += self._differences(t_us, word)
        self._saw(edges)

    def _differences(self, t_us: float, word: int) -> list[Edge]:
        """The edges between the pins before and these; the first word tells the levels alone."""
        before, self._word = self._word, word
        edges = []
        for signal, gpio in self._gpio.items():
            level = word >> (gpio - CAPTURE_BASE) & 1
            if before is None:
                self._levels[signal] = level
            elif (before ^ word) >> (gpio - CAPTURE_BASE) & 1:
                edges.append(Edge(t_us, signal, level))
        return edges

    def _log_came(self, t_us: float, data: bytes) -> None:
        *lines, rest = (self._partial + data).split(b"\n")
        begun_us = self._partial_us if self._partial else t_us
        times_us = [begun_us, *[t_us] * len(lines)]
        self._partial, self._partial_us = rest[-4096:], times_us[len(lines)]
        self._heard([
            Line(when, line.rstrip(b"\r").decode(errors="replace"), False)
            for when, line in zip(times_us, lines, strict=False)
        ])  # fmt: skip

    # -- stimulus

    def press(self, key: str, ms: float, bounce: bool = False) -> None:
        if not 0 < ms <= _MOST_MS:
            raise MisuseError(f"a press of {ms} ms, up to {_MOST_MS:.0f} can be")
        us = ms * 1000
        self._play(_key(key), bouncing(us) if bounce else [(0.0, True), (us, False)])

    def _play(self, line: str, events: list[tuple[float, bool]]) -> float:
        """Events (us since the start, active) on a line of the rig, from now on; returns when, in rig time."""
        words, before_us = [], 0
        for us, active in events:
            words.append((round(us) - before_us) << 1 | active)
            before_us = round(us)
        rest = struct.pack(f"<{len(words)}I", *words)
        (begin_us,) = struct.unpack(
            "<Q", self._session.request("PULSES", frames.LINES.index(line), 0, rest=rest)
        )
        return begin_us

    def hold(self, key: str) -> None:
        self._set(_key(key), True)

    def release(self, key: str) -> None:
        self._set(_key(key), False)

    def _set(self, line: str, active: bool) -> None:
        self._session.request("LEVEL", frames.LINES.index(line), int(active))

    def event_line(self, level: int | None) -> None:
        """Open-source: 0 and None both let go, the device's pull-down does the rest."""
        self._set("PWR_SW4", bool(level))

    def host_present(self, present: bool) -> None:
        self._set("USB", present)

    def charger(self, present: bool) -> None:
        self._set("CHARGER", present)

    def battery_mv(self, mv: int) -> None:
        self._words(self._gauge.battery_mv(mv))

    def temp_c(self, c: float) -> None:
        self._session.request("WARMTH", thermistor_duty(c))
        self._words(self._gauge.temp_c(c))

    def gauge(self, kind: str) -> None:
        if kind not in frames.GAUGES[1:]:
            raise MisuseError(f"no gauge {kind!r}; there are {', '.join(frames.GAUGES[1:])}")
        self._session.request("GAUGE", frames.GAUGES.index(kind))
        self._words(self._gauge.fit(kind))

    def _words(self, words: list[tuple[int, int]]) -> None:
        if words:
            self._session.request("WORDS", rest=b"".join(struct.pack("<BH", *word) for word in words))

    def gauge_fault(self, kind: str, argument: int = 0) -> None:
        """`argument`: microseconds, of a stretch or until a waking one answers."""
        if kind not in frames.FAULTS:
            known = ", ".join(frames.FAULTS[1:])
            raise MisuseError(
                f"this rig can't make the gauge fail by {kind!r}, but by {known}", "gauge_fault"
            )
        self._session.request("FAULT", frames.FAULTS.index(kind), argument)

    def cut_power(self) -> None:
        self._session.request("POWER", 0)

    def restore_power(self) -> None:
        """The gauge starts anew with the cell, too."""
        self._session.request("GAUGE", frames.GAUGES.index(self._gauge.kind))
        self._words(self._gauge.all())
        self._session.request("POWER", 1)

    def reset(self) -> None:
        self._session.request("RESET", _RESET_US)

    def flash(self, files: Mapping[str, Path | bytes]) -> None:
        if not self._device_port:
            raise self._lacks("flash")
        onboard.put(self._device_port, files)

    def self_test(self) -> dict:
        """A pulse of the loopback pin, back on its other end."""
        with self.capture("LOOP_IN") as seen:
            self._play("LOOP", [(0.0, True), (_LOOP_US, False)])
            self.wait(_LOOP_US / 1000 + 50)
        try:
            measured = seen.pulse("LOOP_IN", 1)
        except DeviceFault:
            loop = f"GP{SIGNALS['LOOP_OUT']} with GP{SIGNALS['LOOP_IN']}"
            raise RigFault(f"the loopback's pulse did not come back: connect {loop}") from None
        if measured.verdict(_LOOP_US, _LOOP_US) == "FAIL":
            raise RigFault(f"the loopback's pulse of {_LOOP_US / 1000} ms measures {measured}")
        return {
            "nominal_us": _LOOP_US,
            "measured_us": measured.value_us,
            "uncertainty_us": measured.uncertainty_us,
        }

    def close(self) -> None:
        """Let go of every line, and cut the power."""
        try:
            self._session.request("RELEASE")
        except RigFault:
            _log.warning(
                "the rig does not answer at the end of its session; its dead-man lets go of the lines"
            )
        self._session.close()


_LOSSES = {
    frames.STALLED: "the rig's FIFO was full: its capture stood still",
    frames.OVERRUN: "the rig's ring went round before it was read: edges are lost",
    frames.SPENT: "the rig's DMA came to its end: edges are lost",
}


def _key(key: str) -> str:
    if key not in _KEYS:
        raise MisuseError(f"no key {key!r}; there are {', '.join(_KEYS)}")
    return key


def _checked(gpio: dict[str, int]) -> dict[str, int]:
    last = CAPTURE_BASE + CAPTURE_COUNT - 1
    for signal, number in gpio.items():
        if not CAPTURE_BASE <= number <= last:
            raise MisuseError(f"{signal} on GP{number}: the rig watches GP{CAPTURE_BASE} to GP{last}")
    return gpio


def _open(port: str) -> Port:
    import serial  # type: ignore[import-untyped]  # it comes with mpremote

    try:
        return serial.Serial(port, 115200, timeout=_READ_S, write_timeout=1, exclusive=True)
    except (OSError, ValueError) as error:
        raise RigFault(f"the rig's port {port} can't be opened: {error}") from error
