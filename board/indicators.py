"""What the person sees and feels: two LEDs and a vibration motor."""

from machine import Pin


class Indicators:
    def __init__(self, pins):
        self._state = Pin(pins.LED_STATE, Pin.OUT, value=0)
        self._record = Pin(pins.LED_REC, Pin.OUT, value=0)
        self._haptic = Pin(pins.HAPTIC, Pin.OUT, value=0)

    def show(self, state, record):
        """Light the state LED and the recording LED, or not."""
        self._state.value(state)
        self._record.value(record)

    def vibrate(self, on):
        self._haptic.value(on)
