"""The wiring of a Pico rig to an ESP32-S3 device, as docs/rig.md has it: made from both pin maps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from hil.pico import pins

_DEVICE = Path(__file__).parent.parent / "board" / "esp32s3" / "pins.py"
_PIN = re.compile(r"^(\w+) = const\((\d+)\)", re.MULTILINE)

# signal: the device's name of it where that differs, and how it is connected
_HOW = {
    "SDA": ("I2C_SDA", "with 4.7 kOhm to 3.3 V; in place of the gauge"),
    "SCL": ("I2C_SCL", "with 4.7 kOhm to 3.3 V; in place of the gauge"),
    "PWR_SW1": ("", "in parallel with the key"),
    "PWR_SW2": ("", "in parallel with the key"),
    "PWR_SW4": ("", "in place of the gauge's and the comparator's alert; 100 kOhm to GND"),
    "LOOP_OUT": ("-", "to LOOP_IN, nothing else: the rig's self-test"),
    "LOOP_IN": ("-", "to LOOP_OUT"),
    "LED_STATE": ("", "watched"),
    "LED_REC": ("", "watched"),
    "HAPTIC": ("", "watched"),
    "LOAD": ("", "watched; the load itself need not be there"),
    "SPARE": ("-", "free, watched"),
    "EN": ("EN", "the module's reset, open-drain"),
    "POWER": ("-", "enable of the power switch, active high; the switch feeds the device's cell input"),
    "USB": ("USB_PRESENT", ""),
    "CHARGER": ("", ""),
    "THERMISTOR": (
        "",
        "through 10 kOhm, 1 uF to GND at the device; in place of the thermistor and its divider",
    ),
    "LOG_RX": ("U0TXD", "the device's log, 115200 baud"),
    "SDA_JAM": ("-", "to SDA of the rig: it can hold the bus"),
    "SCL_JAM": ("-", "to SCL of the rig"),
}


def rows() -> Iterator[tuple[str, int, int, str, str]]:
    """(signal, GP number, pin of the Pico, pin of the device, how)."""
    device = {name: f"GPIO{number}" for name, number in _PIN.findall(_DEVICE.read_text())}
    gpio = {"SDA": pins.SDA, "SCL": pins.SCL, **pins.SIGNALS, "THERMISTOR": pins.THERMISTOR}
    gpio |= {"LOG_RX": pins.LOG_RX, "SDA_JAM": pins.SDA_JAM, "SCL_JAM": pins.SCL_JAM}
    for signal, number in gpio.items():
        name, how = _HOW[signal]
        yield signal, number, header_pin(number), device.get(name or signal, name or signal), how


def header_pin(gpio: int) -> int:
    """Of the header, which has a GND after each four GPIOs (Raspberry Pi Pico Datasheet, pinout); GP0 to GP22."""
    return gpio + 1 + (gpio + 2) // 4


def table() -> str:
    """As Markdown."""
    head = "| signal | Pico | its pin | device | how |\n| --- | --- | --- | --- | --- |\n"
    lines = (
        f"| {signal} | GP{number} | {pin} | {device} | {how} |\n"
        for signal, number, pin, device, how in rows()
    )
    return head + "".join(lines)
