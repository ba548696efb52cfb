"""The discharge load: a switched resistor. Its gate has a pull-down, so that it is off at any reset."""

from machine import PWM, Pin
from micropython import const

_FREQ_HZ = const(1000)


class Load:
    def __init__(self, pin):
        self.on_switch = None  # told of each time that it goes on or off
        self._pwm = PWM(Pin(pin, Pin.OUT, value=0), freq=_FREQ_HZ, duty_u16=0)

    def set(self, duty_pct):
        """Duty from 0 (off) to 100 %."""
        if not 0 <= duty_pct <= 100:
            raise ValueError(f"load: duty {duty_pct} % is outside 0..100 %")
        was_on = self._pwm.duty_u16() > 0
        self._pwm.duty_u16(duty_pct * 65535 // 100)
        if self.on_switch and was_on != (duty_pct > 0):
            self.on_switch()

    def off(self):
        self.set(0)
