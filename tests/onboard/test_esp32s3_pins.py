"""The pin map of the ESP32-S3 board: whole, possible on that chip, and wired as docs/boards.md says."""

import ast
import re

from tests.house.tree import ROOT

RTC, ADC1 = range(22), range(1, 11)  # ESP32-S3 data sheet
TAKEN = {0, 3, 45, 46, 19, 20, *range(26, 38)}  # strapping, USB, flash, octal PSRAM
NO_PINS = {"I2C_ID", "I2S_ID", "SD_SLOT", "WAKE_TO_CODE_MS"}


def pins(board: str) -> dict[str, int]:
    """NAME = const(number) of a pin map."""
    found = {}
    for node in ast.parse((ROOT / f"board/{board}/pins.py").read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            found[ast.unparse(node.targets[0])] = ast.literal_eval(node.value.args[0])
    return found


def test_it_has_what_the_virtual_board_has():
    assert pins("esp32s3").keys() == pins("virtual").keys()


def test_the_boards_folders_have_the_same_files():
    folders = (
        {path.name for path in (ROOT / f"board/{name}").glob("*.py")} for name in ("esp32s3", "virtual")
    )
    assert next(folders) == next(folders)


def test_no_two_parts_share_a_pin_and_none_is_taken():
    numbers = [number for name, number in pins("esp32s3").items() if name not in NO_PINS]
    assert len(set(numbers)) == len(numbers)
    assert not TAKEN & set(numbers) and all(0 <= number <= 48 for number in numbers)


def test_what_wakes_is_an_rtc_pin_and_the_thermistor_is_on_adc1():
    found = pins("esp32s3")
    assert all(found[name] in RTC for name in ("PWR_SW1", "PWR_SW2", "PWR_SW4"))
    assert found["THERMISTOR"] in ADC1


def test_the_card_is_on_spi():
    """MicroPython's SDCard: slots 2 and 3 are SPI, 0 and 1 SD/MMC."""
    assert pins("esp32s3")["SD_SLOT"] in (2, 3)


def test_the_wiring_in_the_docs_is_the_pin_map():
    text = (ROOT / "docs/boards.md").read_text()
    told = {name: int(number) for name, number in re.findall(r"^\| `(\w+)` \| (\d+) \| \S", text, re.M)}
    assert told == {name: number for name, number in pins("esp32s3").items() if name not in NO_PINS}
