"""One `Board` with all parts, made from a board's pin map; what is big or wakes hardware is made on first use."""

import sys

from board.gauge import Gauge
from board.indicators import Indicators
from board.key import Key
from board.load import Load
from board.memory import RtcMemory
from board.power import Power
from board.thermistor import Thermistor


class Board:
    """The parts by their role. `pins` is a pin map such as `board.virtual.pins`."""

    def __init__(self, pins):
        self.pins = pins
        self.load = Load(pins.LOAD)  # first: it must be off whatever comes next
        self.keys = {"PWR_SW1": Key(pins.PWR_SW1), "PWR_SW2": Key(pins.PWR_SW2)}
        self.indicators = Indicators(pins)
        self.gauge = Gauge(pins)
        self.load.on_switch = self.gauge.load_switched
        self.thermistor = Thermistor(pins.THERMISTOR)
        self.memory = RtcMemory()
        self.power = Power(pins)
        self.torn = tuple  # gives the folders that power may have cut short; the app knows them
        self._mic = self._camera = None
        self._radio = None
        self._watchdog = None

    @property
    def mic(self):
        if self._mic is None:
            from board.microphone import Microphone

            self._mic = Microphone(self.pins)
        return self._mic

    @property
    def camera(self):
        """A camera (board/camera); None where the interpreter has no module for one, or no sensor answers."""
        if self._camera is None:
            from board.camera import open_camera

            self._camera = open_camera(self.pins)
        return self._camera

    @property
    def radio(self):
        if self._radio is None:
            from board.radio import Radio

            self._radio = Radio()
        return self._radio

    @property
    def watchdog(self):
        """Made on first use, and running from then on: nothing but a reset stops it."""
        if self._watchdog is None:
            from board.watchdog import Watchdog

            self._watchdog = Watchdog()
        return self._watchdog

    @property
    def runtime(self):
        """The two images of MicroPython (board/runtime), None if there is one only; made anew each time."""
        from board import runtime

        return runtime.open_runtime()

    def runtime_version(self):
        from board import runtime

        return runtime.version()

    def storage(self):
        """The path recordings go to: the SD card, or a folder of the internal flash."""
        from board import storage

        return storage.path(self.pins, self.torn())

    def release_storage(self):
        """Let go of a card that failed: it is looked for anew."""
        from board import storage

        storage.release()


def load(name):
    """The board called `name`, one of the folders beside this file."""
    module = "board." + name + ".pins"
    try:
        __import__(module)
    except ImportError as error:
        raise ValueError(f"no board {name!r} in this software: {error}") from None
    return Board(sys.modules[module])
