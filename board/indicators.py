"""What the person sees and feels: two LEDs and a vibration motor."""

from machine import Pin


class Indicators:
    def __init__(self, pins):
        self._state = Pin(pins.LED_STATE, Pin.OUT, value=0)
        self._record = Pin(pins.LED_REC, Pin.OUT, value=0)
        self._haptic = Pin(pins.HAPTIC, Pin.OUT, value=0)
        self.records = False

    def show(self, state, record):
        """Light the state LED and the recording LED, or not."""
        self.records = record
        self._state.value(state)
        self._record.value(record)

    def light_record(self, on):
        """The recording LED for a moment, while `show` has it lit (`records`)."""
        self._record.value(on)

    def vibrate(self, on):
        self._haptic.value(on)
