"""The frames between a host and a rig's firmware, in the one form that both use. Runs on MicroPython and CPython.

A frame is type (1), sequence number (2), payload (0 to 512), CRC-32 of these (4), little-endian; stuffed by COBS
(Cheshire and Baker, 1999), so that no byte of it is 0, and ended by a 0. Whatever is damaged, the next 0 begins anew.

The host numbers its requests; an answer carries the number of its request, and a request that comes again with the
number of the last one gets the last answer again. The rig numbers its reports by themselves: a gap is a report lost.
"""

import struct
from binascii import crc32

VERSION = 1
MAX_PAYLOAD = 512
_HEAD = "<BH"
_HEAD_SIZE = 3
_CRC_SIZE = 4
MAX_FRAME = MAX_PAYLOAD + _HEAD_SIZE + _CRC_SIZE
MAX_STUFFED = MAX_FRAME + MAX_FRAME // 254 + 1  # without the 0 at its end

# name: (number, struct of its payload's fixed part, what it says); "rest" is text or bytes after the fixed part
REQUESTS = {
    "HELLO": (0x01, "<BI", "version, a number that the host picks"),
    "PING": (0x02, "<", "the host lives"),
    "PULSES": (
        0x10,
        "<BQ",
        "line, rig time of its start (0: now); rest: words (us until then) << 1 | active",
    ),
    "LEVEL": (0x11, "<BB", "line, active; what was scheduled on it is off"),
    "RELEASE": (0x12, "<", "let go of every line, and power off"),
    "POWER": (0x13, "<B", "on"),
    "RESET": (0x14, "<I", "hold EN low for so many us"),
    "WARMTH": (0x15, "<H", "duty of the thermistor's PWM, of 65535"),
    "CAPTURE": (0x20, "<B", "on"),
    "GAUGE": (0x30, "<B", "kind: 0 none, 1 MAX17048, 2 BQ27427; as it is after power-on"),
    "WORDS": (0x31, "<", "rest: register (1), value (2) of the gauge, each; latched together"),
    "FAULT": (0x32, "<BI", "number of the gauge's fault, argument"),
}
ANSWERS = {
    "ACK": (
        0x80,
        "<QIHI",
        "rig time, edges and reports so far, frames of the host that were damaged; rest: by request",
    ),
    "ERROR": (0x81, "<B", "code; rest: words"),
}
REPORTS = {
    # ticks count down from 2**32 - 1, one a microsecond
    "EDGES": (0x90, "<BIQQ", "flags, number of the first, rig time, rig time of tick 0; rest: pins, ticks (4, 4) each"),
    "SERIAL": (0x91, "<Q", "rig time; rest: bytes of the device's log"),
    "NOTE": (0x92, "<Q", "rig time; rest: words"),
}  # fmt: skip
CODES = {}
for _table in (REQUESTS, ANSWERS, REPORTS):
    for _name in _table:
        CODES[_name] = _table[_name][0]
NAMES = {number: name for name, number in CODES.items()}
_FORMATS = {}
for _table in (REQUESTS, ANSWERS, REPORTS):
    for _name in _table:
        _FORMATS[_name] = _table[_name][1]

# codes of ERROR
UNKNOWN, BAD_PAYLOAD, BUSY, FAILED, NO_SESSION = 1, 2, 3, 4, 5

# flags of EDGES
STALLED = 1  # the FIFO was full: the clock of the capture stood still
OVERRUN = 2  # the ring went round before it was read
SPENT = 4  # the DMA has made all its transfers

# numbers of FAULT
FAULTS = ("", "nack", "zeros", "ones", "frozen", "wrong_part", "stretch", "stuck_sda", "stuck_scl", "waking")

LINES = ("PWR_SW1", "PWR_SW2", "PWR_SW4", "LOOP", "USB", "CHARGER")
GAUGES = ("", "max17048", "bq27427")


class FrameError(ValueError):
    """A frame or payload is malformed; the text says how."""


def stuff(data):
    """COBS: no byte of the result is 0."""
    out = bytearray(1)
    mark = 0  # where the length of the current run goes
    for byte in data:
        if byte:
            out.append(byte)
        if not byte or len(out) - mark == 255:
            out[mark] = len(out) - mark
            mark = len(out)
            out.append(0)
    out[mark] = len(out) - mark
    return out


def unstuff(data):
    """What was stuffed. FrameError if it can't be."""
    out = bytearray()
    i = 0
    while i < len(data):
        run = data[i]
        if not run or i + run > len(data):
            raise FrameError(f"a run of {run} bytes at {i} of {len(data)}")
        out += data[i + 1 : i + run]
        i += run
        if run < 255 and i < len(data):
            out.append(0)
    return out


def encode(name, sequence, payload=b""):
    """The bytes of a frame, its 0 included."""
    if len(payload) > MAX_PAYLOAD:
        raise FrameError(f"a payload of {len(payload)} bytes, at most {MAX_PAYLOAD} fit")
    frame = bytearray(struct.pack(_HEAD, CODES[name], sequence & 0xFFFF))
    frame += payload
    frame += struct.pack("<I", crc32(frame))
    frame = stuff(frame)
    frame.append(0)
    return frame


def decode(stuffed):
    """(name, sequence, payload) of a frame without its 0. FrameError if it is damaged."""
    frame = unstuff(stuffed)
    if len(frame) < _HEAD_SIZE + _CRC_SIZE:
        raise FrameError(f"{len(frame)} bytes are no frame")
    body = frame[:-_CRC_SIZE]
    if struct.unpack("<I", frame[-_CRC_SIZE:])[0] != crc32(body):
        raise FrameError("the checksum does not match")
    number, sequence = struct.unpack(_HEAD, body[:_HEAD_SIZE])
    if number not in NAMES:
        raise FrameError(f"no frame of type 0x{number:02x}")
    return NAMES[number], sequence, bytes(body[_HEAD_SIZE:])


def pack(name, *values):
    """The fixed part of a payload."""
    return struct.pack(_FORMATS[name], *values)


def unpack(name, payload):
    """(values of the fixed part, the rest). FrameError if it is too short."""
    size = struct.calcsize(_FORMATS[name])
    if len(payload) < size:
        raise FrameError(f"{name} with {len(payload)} bytes, it has {size}")
    return struct.unpack(_FORMATS[name], payload[:size]), payload[size:]


class Decoder:
    """Frames out of bytes as they come; holds one frame at most. `damaged` counts what was dropped."""

    def __init__(self):
        self._buffer = bytearray(MAX_STUFFED)
        self._used = 0
        self._skip = False  # too long: up to the next 0 it is garbage
        self.damaged = 0

    def feed(self, byte):
        """(name, sequence, payload) if this byte ends a frame, else None."""
        if byte == 0:
            return self._end()
        if self._used == MAX_STUFFED:
            self._skip = True
        elif not self._skip:
            self._buffer[self._used] = byte
            self._used += 1
        return None

    def _end(self):
        used, skip = self._used, self._skip
        self._used, self._skip = 0, False
        if not used:
            return None  # a 0 more harms nobody
        try:
            if skip:
                raise FrameError("too long")
            return decode(self._buffer[:used])
        except FrameError:
            self.damaged += 1
            return None


def gap(expected, sequence):
    """How many numbers were left out before `sequence` (16 bits, going round)."""
    return (sequence - expected) & 0xFFFF


def unwrap(now_us, low32, slack_us=10_000):
    """The full time whose low 32 bits these are: the last one up to now, or up to `slack_us` after it."""
    ahead = now_us + slack_us
    return ahead - ((ahead - low32) & 0xFFFFFFFF)
