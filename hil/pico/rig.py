# mypy: disable-error-code="import-not-found"
"""The rig's firmware: it does what the host asks, tells what it sees, lets go of all lines when the host is gone."""

import json
import struct
import sys

from machine import UART, Pin, Timer, unique_id
from micropython import const

from hil import frames, pico
from hil.pico.clock import Clock, sleep_us, ticks_diff, ticks_ms
from hil.pico.edges import Edges
from hil.pico.gauge import Gauge
from hil.pico.lines import BusyError, Lines
from hil.pico.link import open_link
from hil.pico.pins import LIVE_LED, LOG_RX

_DEAD_MS = const(1000)
_LOOK_MS = const(50)
_LOG_BAUD = const(115200)
_MOST_RESET_US = const(200_000)
_WORD = "<BH"


class Rig:
    def __init__(self, link):
        self._link = link
        self._clock = Clock()
        self._edges = Edges(self._clock)
        self._lines = Lines()
        self._gauge = Gauge()
        self._log = UART(0, _LOG_BAUD, rx=Pin(LOG_RX), rxbuf=4096)
        self._log_buffer = bytearray(frames.MAX_PAYLOAD - 8)
        self._led = Pin(LIVE_LED, Pin.OUT, value=0)
        self._heard_ms = ticks_ms()
        self._live = False
        self._open = False  # from HELLO on, until all was put back
        self._lapsed = False  # the host fell silent: said when it is back
        self._last = None  # number and answer of the last request
        self._handler = self._look
        self._timer = Timer(-1, period=_LOOK_MS, mode=Timer.PERIODIC, callback=self._handler, hard=True)

    # -- the dead-man, in an interrupt: whatever Python is busy with; no allocation

    def _look(self, timer):
        if self._live and ticks_diff(ticks_ms(), self._heard_ms) > _DEAD_MS:
            self._live = False
            self._lapsed = True
            self._led.value(0)
            self._lines.release()

    # -- the loop

    def step(self):
        """One round; True if it had something to do."""
        self._clock.now()
        frame = self._link.take()
        if frame:
            self._answer(*frame)
        if not self._live:
            self._rest()
            return bool(frame)
        self._gauge.poll()
        logged = self._pass_log_on()
        return self._edges.poll(self._link.report) or bool(frame) or logged

    def _rest(self):
        """No host: the REPL's Ctrl-C works again. The last edges, of letting go, are told before."""
        if self._open:
            while self._edges.poll(self._link.report):
                pass
            self._edges.stop()
            self._gauge.fit(0)
            self._link.raw(False)
            self._open = False

    def _pass_log_on(self):
        if not self._log.any():
            return False
        number = self._log.readinto(self._log_buffer)
        if number:
            self._link.report("SERIAL", struct.pack("<Q", self._clock.now()) + self._log_buffer[:number])
        return bool(number)

    # -- requests

    def _answer(self, name, sequence, payload):
        if name in frames.REQUESTS and (self._live or name == "HELLO"):
            self._heard_ms = ticks_ms()
        if self._last and self._last[0] == sequence and name != "HELLO":
            self._link.send(self._last[1], sequence, self._last[2])  # it did not get there the first time
            return
        answer, rest = self._do(name, payload)
        self._last = (sequence, answer, rest)
        self._link.send(answer, sequence, rest)

    def _do(self, name, payload):
        """(ACK or ERROR, its payload)."""
        act = _ACTS.get(name)
        if act is None:
            return _error(frames.UNKNOWN, f"no request {name}")
        if not self._live and name != "HELLO":
            words = (
                "the host was silent, all lines were let go"
                if self._lapsed
                else "no session: HELLO comes first"
            )
            return _error(frames.NO_SESSION, words)
        try:
            values, rest = frames.unpack(name, payload)
            more = act(self, values, rest) or b""
        except BusyError as error:
            return _error(frames.BUSY, str(error))
        except (ValueError, IndexError) as error:
            return _error(frames.BAD_PAYLOAD, f"{name}: {error}")
        except OSError as error:
            return _error(frames.FAILED, f"{name}: {error}")
        told, reported, damaged = self._edges.told, self._link.reported, self._link.damaged
        head = frames.pack(
            "ACK", self._clock.now(), told & 0xFFFFFFFF, reported & 0xFFFF, damaged & 0xFFFFFFFF
        )
        return "ACK", head + more

    def _hello(self, values, rest):
        version, _ = values
        if version != frames.VERSION:
            raise ValueError(f"version {version} of the host, {frames.VERSION} of the rig: flash it anew")
        self._lines.release()
        self._edges.stop()
        self._gauge.fit(0)
        self._link.raw(True)
        self._link.reported = 0
        self._edges.told = 0
        self._live, self._open, self._lapsed = True, True, False
        self._led.value(1)
        about = {
            "version": pico.VERSION,
            "id": unique_id().hex(),
            "interpreter": ".".join(str(n) for n in sys.implementation.version[:3]),
        }
        return json.dumps(about).encode()

    def _ping(self, values, rest):
        while self._edges.poll(self._link.report):
            pass
        self._pass_log_on()

    def close(self):
        self._live = False
        self._lines.release()
        self._rest()

    def _pulses(self, values, rest):
        line, at_us = values
        if len(rest) % 4:
            raise ValueError(f"{len(rest)} bytes of events, each has 4")
        events = struct.unpack(f"<{len(rest) // 4}I", rest)
        return struct.pack("<Q", self._lines.play(self._clock, line, at_us, events))

    def _level(self, values, rest):
        self._lines.level(*values)

    def _release(self, values, rest):
        self._lines.release()

    def _power(self, values, rest):
        self._lines.power(values[0])

    def _reset(self, values, rest):
        if values[0] > _MOST_RESET_US:
            raise ValueError(f"{values[0]} us of reset, at most {_MOST_RESET_US} can be")
        self._lines.reset(values[0])

    def _warmth(self, values, rest):
        self._lines.warmth(values[0])

    def _capture(self, values, rest):
        if values[0]:
            self._edges.start()
        else:
            self._edges.stop()

    def _fit(self, values, rest):
        self._gauge.fit(values[0])

    def _words(self, values, rest):
        size = struct.calcsize(_WORD)
        if len(rest) % size:
            raise ValueError(f"{len(rest)} bytes of words, each has {size}")
        self._gauge.set([struct.unpack(_WORD, rest[i : i + size]) for i in range(0, len(rest), size)])

    def _fault(self, values, rest):
        self._gauge.fault(*values)


_ACTS = {
    "HELLO": Rig._hello,
    "PING": Rig._ping,
    "PULSES": Rig._pulses,
    "LEVEL": Rig._level,
    "RELEASE": Rig._release,
    "POWER": Rig._power,
    "RESET": Rig._reset,
    "WARMTH": Rig._warmth,
    "CAPTURE": Rig._capture,
    "GAUGE": Rig._fit,
    "WORDS": Rig._words,
    "FAULT": Rig._fault,
}


def _error(code, words):
    return "ERROR", struct.pack("<B", code) + words.encode()[: frames.MAX_PAYLOAD - 1]


def run():
    """Serve the host until Ctrl-C, which it heeds between sessions."""
    rig = Rig(open_link())
    try:
        while True:
            if not rig.step():
                sleep_us(200)
    finally:
        rig.close()
