"""Sleep, wake-up and reset: why the board started, and how it stops."""

from time import sleep_ms, ticks_diff, ticks_ms

import esp32
import machine
from machine import Pin
from micropython import const

_REARM_MS = const(600_000)  # looks again at a wake signal that could not be armed
_RELEASE_MS = const(5000)  # how long to wait for a held key before sleeping with it

_CAUSES = {
    machine.PWRON_RESET: "power-on",
    machine.HARD_RESET: "reset",
    machine.WDT_RESET: "watchdog",
    machine.DEEPSLEEP_RESET: "wake",
    machine.SOFT_RESET: "soft reset",
}


class Power:
    def __init__(self, pins):
        self._numbers = {"PWR_SW1": pins.PWR_SW1, "PWR_SW2": pins.PWR_SW2}
        self._keys = {
            "PWR_SW1": Pin(pins.PWR_SW1, Pin.IN, Pin.PULL_UP),
            "PWR_SW2": Pin(pins.PWR_SW2, Pin.IN, Pin.PULL_UP),
        }
        self._event = Pin(pins.PWR_SW4, Pin.IN, Pin.PULL_DOWN)
        self._usb = Pin(pins.USB_PRESENT, Pin.IN)
        self._charger = Pin(pins.CHARGER, Pin.IN)
        self.wake_to_code_ms = pins.WAKE_TO_CODE_MS

    def cause(self):
        """power-on | reset | watchdog | wake | soft reset"""
        return _CAUSES.get(machine.reset_cause(), "reset")

    def wake(self):
        """What ended deep sleep: PWR_SW1 | PWR_SW2 | PWR_SW4 | timer; "" if it was no wake-up."""
        if machine.reset_cause() != machine.DEEPSLEEP_RESET:
            return ""
        reason = machine.wake_reason()
        if reason == machine.EXT0_WAKE:
            return "PWR_SW4"
        if reason != machine.EXT1_WAKE:
            return "timer"
        return (self._woken_by() or self._down() or ["PWR_SW1"])[0]

    def wake_is_certain(self):
        """Whether it was this key and no other: else its press may have come after the wake-up."""
        return len(self._woken_by() or self._down()) == 1

    def _woken_by(self):
        """The keys that the hardware says woke it; MicroPython tells from 1.27 on."""
        numbers = machine.wake_pins() if hasattr(machine, "wake_pins") else ()
        return [name for name, number in self._numbers.items() if number in numbers]

    def _down(self):
        return [name for name, pin in self._keys.items() if not pin.value()]

    def event_line(self):
        return bool(self._event.value())

    def charger_present(self):
        return bool(self._charger.value())

    def external(self):
        """Whether a charger or a USB host is there."""
        return bool(self._usb.value() or self._charger.value())

    def light_sleep(self, ms):
        """Sleep for so long, or until a key or the event line wakes the processor; memory and pins are kept."""
        if ms > 0:
            self._arm()
            machine.lightsleep(ms)

    def off(self):
        """Deep sleep. A wake signal that is active now would wake the board at once, for ever: it is left out, and a
        timer looks again."""
        start = ticks_ms()
        while not self._keys_up() and ticks_diff(ticks_ms(), start) < _RELEASE_MS:
            sleep_ms(10)
        if self._arm():
            machine.deepsleep()
        machine.deepsleep(_REARM_MS)

    def _arm(self):
        """Let keys and event line wake the board, except those that are active now; True if all could be armed."""
        up = [pin for pin in self._keys.values() if pin.value()]
        esp32.wake_on_ext1(up or None, esp32.WAKEUP_ALL_LOW)
        quiet = not self._event.value()
        esp32.wake_on_ext0(self._event if quiet else None, esp32.WAKEUP_ANY_HIGH)
        return quiet and len(up) == len(self._keys)

    def _keys_up(self):
        return all(pin.value() for pin in self._keys.values())

    def reset(self):
        machine.reset()
