# mypy: ignore-errors
# (it runs inside MicroPython, in the place of its modules)
"""A rig's Pico and a device on its wires, simulated: levels, what was scheduled on them, and how the device reacts.

Time is the host's. FIELDREC_RIG_SIM (JSON) says what is there:
    wires   [[source, target, delay_us, inverted]]        the device's reactions, and the loopback
    bursts  [[cause, level, target, count, period_us]]    so many edges of `target` when `cause` goes to `level`
    says    [[cause, level, words]]                       a line of the device's log
    ppm     how much too fast the rig's clock is
    stall   the number of the edge at which the FIFO has no room
"""

import json
import os
import struct

import utime as host

from hil.pico.pins import CAPTURE_BASE, CAPTURE_COUNT, SIGNALS

_FIRST_TICK = 0xFFFFFFFF
_FIFO_WORDS = 8
_PULLED_UP = [SIGNALS[name] for name in ("PWR_SW1", "PWR_SW2", "EN")]

config = {"wires": [["LOOP_OUT", "LOOP_IN", 0, 0]], "bursts": [], "says": [], "ppm": 0, "stall": 0}
config.update(json.loads(os.getenv("FIELDREC_RIG_SIM") or "{}"))

drives = {}  # gpio: {who: level}
levels = {gpio: int(gpio in _PULLED_UP) for gpio in range(30)}
events = []  # [us, gpio, who, level or None, (further edges, us between)], in order of time
timers = []  # [due_us, period_us, function]
said = bytearray()
capture = None  # the state machine that watches
stalled = False
in_interrupt = False  # nothing may be allocated
fed_back = 0  # edges of the capture so far
_busy = False


def now_us():
    us = host.ticks_us()
    return us + us * config["ppm"] // 1000000


def drive(gpio, who, level):
    """`who` drives the pin, or lets go (None), now."""
    advance()
    _set(gpio, who, level)
    _look(now_us(), [gpio])


def schedule(us, gpio, who, level, more=(0, 0)):
    i = len(events)
    while i and events[i - 1][0] > us:
        i -= 1
    events.insert(i, [us, gpio, who, level, more])


def cancel(who):
    events[:] = [event for event in events if event[2] != who]


def advance():
    """Let happen what is due."""
    global _busy
    if _busy:
        return
    _busy = True
    now = now_us()
    while events and events[0][0] <= now:
        us, touched = events[0][0], []
        while events and events[0][0] == us:
            _, gpio, who, level, (left, period_us) = events.pop(0)
            _set(gpio, who, level)
            if left:
                schedule(us + period_us, gpio, who, level ^ 1, (left - 1, period_us))
            touched.append(gpio)
        _look(us, touched)
    for timer in timers:
        if timer[0] <= now:
            timer[0] = now + timer[1]
            timer[2](None)
    _busy = False


def _set(gpio, who, level):
    drives.setdefault(gpio, {})[who] = level


def _level(gpio):
    driven = [level for level in drives.get(gpio, {}).values() if level is not None]
    return min(driven) if driven else int(gpio in _PULLED_UP)


def _look(us, touched):
    """Pins were touched: tell the capture, and let the device react."""
    changed = False
    for gpio in touched:
        level = _level(gpio)
        if level != levels[gpio]:
            levels[gpio] = level
            changed = True
            _react(us, gpio, level)
    if changed and capture:
        capture.saw(us)


def _react(us, gpio, level):
    for source, target, delay_us, inverted in config["wires"]:
        if SIGNALS[source] == gpio:
            schedule(us + delay_us, SIGNALS[target], "device", level ^ inverted)
    for cause, wanted, target, count, period_us in config["bursts"]:
        if SIGNALS[cause] == gpio and level == wanted:
            schedule(us + period_us, SIGNALS[target], "device", 1, (count - 1, period_us))
    for cause, wanted, words in config["says"]:
        if SIGNALS[cause] == gpio and level == wanted:
            said.extend(words.encode() + b"\r\n")


def window():
    """The watched pins as the PIO reads them."""
    word = 0
    for i in range(CAPTURE_COUNT):
        word |= levels[CAPTURE_BASE + i] << i
    return word


class Watcher:
    """What the program `edges` does, a change at a time; a test holds it to the program on an emulator."""

    def __init__(self, sink):
        self._sink = sink
        self._began_us = now_us()
        self.saw(self._began_us + 1)

    def saw(self, us):
        global stalled, fed_back
        fed_back += 1
        tick = _FIRST_TICK - ((us - self._began_us) & 0xFFFFFFFF)
        if fed_back == config["stall"] or not self._sink.room():
            stalled = True
            return
        self._sink.push(window())
        self._sink.push(tick & 0xFFFFFFFF)


class Fifo:
    """The receiving FIFO, emptied by a DMA channel where one is at work."""

    def __init__(self):
        self.words = []
        self.dma = None

    def room(self):
        return bool(self.dma and self.dma.left) or len(self.words) + 2 <= _FIFO_WORDS

    def push(self, word):
        if self.dma and self.dma.left:
            self.dma.store(word)
        else:
            self.words.append(word)


def put(ring, place, word):
    struct.pack_into("<I", ring, place, word)
