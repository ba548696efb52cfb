"""A virtual board that runs a script with the drivers of board/ on its flash."""

from pathlib import Path

import pytest

from tests.house.tree import ROOT
from tools.virtual.board import VirtualBoard

HEAD = """
from machine import I2C, Pin
from time import sleep, sleep_ms, sleep_us, ticks_ms, ticks_diff
from board.errors import SensorError
from board.gauge import Gauge
from board.virtual import pins

gauge = Gauge(pins)
raw = I2C(0, scl=Pin(9), sda=Pin(8), freq=100_000)

def reading():
    try:
        return gauge.read()
    except SensorError as error:
        return error.code

def tried(act, *arguments):
    try:
        return act(*arguments)
    except OSError as error:
        return error.errno

"""


@pytest.fixture
def run(tmp_path):
    """run(script, *orders): a board with that main.py, its world told the orders (command, arguments...).

    The gauge has had power for a second when the script begins, unless `fresh` is set.
    """
    drivers: dict[str, Path | bytes] = {
        str(path.relative_to(ROOT)): path for path in (ROOT / "board").rglob("*.py")
    }
    boards: list[VirtualBoard] = []

    def started(script: str, *orders: tuple, fresh: bool = False) -> VirtualBoard:
        before = "" if fresh else "sleep(1)\n"
        files = {**drivers, "main.py": (HEAD + before + script).encode()}
        board = VirtualBoard.create(tmp_path / str(len(boards)), files)
        boards.append(board)
        fits = [order for order in orders if order[0] == "set_gauge"]
        for order in fits:
            board.do(*order)
        board.power_on()
        for order in orders:
            if order not in fits:
                board.do(*order)
        board.run_for(100 if fresh else 1100)
        return board

    yield started
    for board in boards:
        board.close()
