"""The pin map of the virtual board's firmware against what is soldered on the virtual board."""

import ast

from tests.house.tree import ROOT
from tools.virtual import wiring


def pin_map() -> dict[str, int]:
    """NAME = const(number) of board/virtual/pins.py."""
    pins = {}
    for node in ast.parse((ROOT / "board/virtual/pins.py").read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            pins[ast.unparse(node.targets[0])] = ast.literal_eval(node.value.args[0])
    return pins


def test_the_firmware_knows_the_board():
    pins = pin_map()
    soldered = {signal: gpio for gpio, signal in wiring.SIGNALS.items()}
    soldered["USB_PRESENT"] = soldered.pop("USB")
    soldered["THERMISTOR"] = wiring.THERMISTOR_ADC
    for signal in ("I2C_SDA", "I2C_SCL", "I2S_SCK", "I2S_WS", "I2S_SD"):
        soldered[signal] = getattr(wiring, signal)
    assert {signal: pins.get(signal) for signal in soldered} == soldered
    assert pins["WAKE_TO_CODE_MS"] * 1000 == wiring.WAKE_TO_CODE_US
