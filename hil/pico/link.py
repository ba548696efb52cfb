# mypy: disable-error-code="import-not-found"
"""The way to the host: a second USB port where there is one, else the port of the REPL, in binary."""

import select
import sys

import micropython

from hil import frames
from hil.pico.clock import ticks_diff, ticks_ms

_CTRL_C = 3
_STUCK_MS = 500


def open_link():
    """The second port needs `usb-device-cdc` of micropython-lib, over machine.USBDevice; then the REPL stays free."""
    try:
        import usb.device
        from usb.device.cdc import CDCInterface
    except ImportError:
        return Link(_Console())
    port = CDCInterface()
    port.init(timeout=0)
    usb.device.get().init(port, builtin_driver=True)
    return Link(port)


class _Console:
    """The port of the REPL. A read takes a byte, or it would wait for the rest."""

    def __init__(self):
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)

    def readinto(self, buffer):
        return sys.stdin.buffer.readinto(buffer) if self._poll.poll(0) else None  # type: ignore[union-attr]

    def write(self, data):
        return sys.stdout.buffer.write(data)

    def raw(self, on):
        """Whether Ctrl-C is a byte like any other."""
        micropython.kbd_intr(-1 if on else _CTRL_C)


class Link:
    """Frames on a port. `reported` counts what was told without being asked."""

    def __init__(self, port):
        self._port = port
        self._decoder = frames.Decoder()
        self._byte = bytearray(1)
        self.reported = 0

    @property
    def damaged(self):
        return self._decoder.damaged

    def take(self):
        """The next frame (name, sequence, payload) that has come, or None."""
        while self._port.readinto(self._byte):
            frame = self._decoder.feed(self._byte[0])
            if frame:
                return frame
        return None

    def send(self, name, sequence, payload):
        """A frame that the host does not take in time is given up: the numbers of the reports tell it."""
        data = memoryview(frames.encode(name, sequence, payload))
        start = ticks_ms()
        while data and ticks_diff(ticks_ms(), start) < _STUCK_MS:
            data = data[self._port.write(data) or 0 :]

    def report(self, name, payload):
        self.send(name, self.reported & 0xFFFF, payload)
        self.reported += 1

    def raw(self, on):
        if hasattr(self._port, "raw"):
            self._port.raw(on)
