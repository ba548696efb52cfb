"""The firmware of a rig on a Raspberry Pi Pico, in MicroPython 1.26 or later."""

VERSION = "1.0.0"
