"""The rig on Linux GPIO: keys by open-drain lines, edges with the kernel's timestamps. Needs the package gpiod (2.x).

Edges are the kernel's. What the rig itself drives is seen where a line of `sense` is wired to it; a press's length is
timed by the host, and whatever it really was is what the capture tells.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from hil.capture import Edge
from hil.errors import DeviceFault, MisuseError, RigFault
from hil.wired import Wired, bouncing

_CONSUMER = "fieldrec"
_BUFFER = 4096  # events that the kernel keeps for us, of each line
_WAIT_S = 0.05
_SETTLE_S = 0.005  # for an interrupt that is under way while we ask
_RESET_S = 0.01
_LOOP_US = 20_000.0
_LATE_MS = 100  # by which a busy host may set a line too late


class GpiodRig(Wired):
    """`keys` and `sense`: {signal: line of the chip}. `loop`: the line of an output wired to the sense line LOOP_IN.

    `uncertainty_us` is what the chip and its driver are known for: an interrupt takes tens of microseconds at times.
    """

    backend = "gpiod"
    resolution_us = 1.0
    rate_ppm = (
        100.0  # a PC's or Raspberry Pi's crystal; its kernel's clock is disciplined to less where NTP runs
    )

    def __init__(
        self, chip: str, *, keys: Mapping[str, int], sense: Mapping[str, int], power: int | None = None,
        reset: int | None = None, loop: int | None = None, uncertainty_us: float = 200.0,
        gpiod: ModuleType | Any = None,
    ):  # fmt: skip
        super().__init__()
        self._gpiod = gpiod or _module()
        self.uncertainty_us = uncertainty_us
        self.signals = tuple(sense)
        self._signal = {line: signal for signal, line in sense.items()}
        self._keys, self._power, self._reset, self._loop = dict(keys), power, reset, loop
        self.capabilities = frozenset(_capabilities(power, reset, loop))
        self.stamp = {"chip": chip, "uncertainty_us": uncertainty_us}
        self._faults: list[str] = []
        self._numbers = 0  # events so far, by the kernel's own count
        self._looking = threading.Lock()
        self._timers: list[threading.Timer] = []
        self._closing = threading.Event()
        self._request(chip, sense)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _request(self, chip: str, sense: Mapping[str, int]) -> None:
        g = self._gpiod
        line = g.line
        drains = [*self._keys.values(), *([] if self._reset is None else [self._reset])]
        pushes = [number for number in (self._power, self._loop) if number is not None]
        watched = g.LineSettings(
            direction=line.Direction.INPUT, edge_detection=line.Edge.BOTH, event_clock=line.Clock.MONOTONIC
        )
        open_drain = g.LineSettings(
            direction=line.Direction.OUTPUT, drive=line.Drive.OPEN_DRAIN, output_value=line.Value.ACTIVE
        )
        driven = g.LineSettings(direction=line.Direction.OUTPUT, output_value=line.Value.INACTIVE)
        try:
            self._inputs = g.request_lines(
                chip, {tuple(sense.values()): watched}, consumer=_CONSUMER, event_buffer_size=_BUFFER
            )
            self._outputs = g.request_lines(
                chip, {n: open_drain for n in drains} | {n: driven for n in pushes}, consumer=_CONSUMER
            )
        except (OSError, ValueError) as error:
            raise RigFault(f"the lines of {chip} can't be had: {error}") from error
        for signal, number in sense.items():
            self._levels[signal] = int(self._inputs.get_value(number) == line.Value.ACTIVE)

    # -- what it saw

    @property
    def faults(self) -> list[str]:
        return list(self._faults)

    def now_us(self) -> float:
        return time.monotonic_ns() / 1000

    def _watch(self) -> None:
        while not self._closing.is_set():
            try:
                if self._inputs.wait_edge_events(_WAIT_S):
                    self._collect()
            except OSError as error:
                self._faults.append(f"the GPIO chip is gone: {error}")
                return

    def _collect(self) -> None:
        with self._looking:
            while self._inputs.wait_edge_events(0):
                self._take(self._inputs.read_edge_events())

    def _take(self, events: list) -> None:
        """The kernel numbers its events: what its buffer could not hold is a gap."""
        edges = []
        for event in events:
            lost = event.global_seqno - self._numbers - 1
            self._numbers = event.global_seqno
            if lost:
                self._faults.append(f"the kernel's buffer was full: {lost} edges are lost")
            level = int(event.event_type == self._gpiod.EdgeEvent.Type.RISING_EDGE)
            edges.append(Edge(event.timestamp_ns / 1000, self._signal[event.line_offset], level))
        self._saw(edges)

    def _sync(self) -> float:
        now = self.now_us()
        time.sleep(_SETTLE_S)
        self._collect()
        return now

    # -- stimulus

    def _set(self, number: int, active: bool) -> None:
        value = self._gpiod.line.Value
        self._outputs.set_value(number, value.ACTIVE if active else value.INACTIVE)

    def _key(self, key: str) -> int:
        if key not in self._keys:
            raise MisuseError(f"no key {key!r}; there are {', '.join(self._keys)}")
        return self._keys[key]

    def press(self, key: str, ms: float, bounce: bool = False) -> None:
        if ms <= 0:
            raise MisuseError(f"a press of {ms} ms")
        number = self._key(key)
        events = bouncing(ms * 1000) if bounce else [(0.0, True), (ms * 1000, False)]
        self._play(number, [(us, not pressed) for us, pressed in events])

    def _play(self, number: int, events: list[tuple[float, bool]]) -> list[tuple[float, float]]:
        """Set a line at (us from now on): a thread of its own waits for each, and notes the time before and after."""
        begin_s = time.monotonic()
        done: list[tuple[float, float]] = []

        def play() -> None:
            for us, active in events:
                if self._closing.wait(max(0.0, begin_s + us / 1e6 - time.monotonic())):
                    return
                before_us = self.now_us()
                self._set(number, active)
                done.append((before_us, self.now_us()))

        timer = threading.Timer(0, play)
        timer.daemon = True
        timer.start()
        self._timers = [t for t in self._timers if t.is_alive()] + [timer]
        return done

    def hold(self, key: str) -> None:
        self._set(self._key(key), False)

    def release(self, key: str) -> None:
        self._set(self._key(key), True)

    def cut_power(self) -> None:
        self._switch_power(False)

    def restore_power(self) -> None:
        self._switch_power(True)

    def _switch_power(self, on: bool) -> None:
        if self._power is None:
            raise self._lacks("power")
        self._set(self._power, on)

    def reset(self) -> None:
        if self._reset is None:
            raise self._lacks("reset")
        self._set(self._reset, False)
        time.sleep(_RESET_S)
        self._set(self._reset, True)

    def self_test(self) -> dict:
        """A pulse of the loop's output, back on LOOP_IN, against the host's own times of setting it."""
        if self._loop is None:
            raise self._lacks("loopback")
        with self.capture("LOOP_IN") as seen:
            done = self._play(self._loop, [(0.0, True), (_LOOP_US, False)])
            self.wait(_LOOP_US / 1000 + _LATE_MS)
        try:
            measured = seen.pulse("LOOP_IN", 1)
        except DeviceFault:
            raise RigFault(
                "the loopback's pulse did not come back: is its output wired to LOOP_IN?"
            ) from None
        (up_us, is_up_us), (down_us, is_down_us) = done
        if measured.verdict(down_us - is_up_us, is_down_us - up_us) == "FAIL":
            raise RigFault(f"the loopback's pulse of {(down_us - up_us) / 1000:.3f} ms measures {measured}")
        setting_us = is_up_us - up_us + is_down_us - down_us  # in which of it the line changed is not known
        return {
            "nominal_us": (down_us + is_down_us - up_us - is_up_us) / 2,
            "measured_us": measured.value_us,
            "uncertainty_us": measured.uncertainty_us + setting_us / 2,
        }

    def close(self) -> None:
        """Let go of the keys, cut the power."""
        self._closing.set()
        for thread in (*self._timers, self._thread):
            thread.join()
        for number in self._keys.values():
            self._set(number, True)
        if self._power is not None:
            self._set(self._power, False)
        self._outputs.release()
        self._inputs.release()


def _capabilities(power: int | None, reset: int | None, loop: int | None) -> set[str]:
    wired = {"power": power, "reset": reset, "loopback": loop}
    return {"keys", "bounce", "capture", *(name for name, line in wired.items() if line is not None)}


def _module() -> ModuleType:
    try:
        import gpiod
    except ImportError as error:
        raise MisuseError("a gpiod rig needs the package gpiod 2.x: pip install gpiod") from error
    return gpiod
