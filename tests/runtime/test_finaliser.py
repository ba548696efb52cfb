"""Block devices are called with the heap locked: a file that nobody closed is closed by the collector."""

import pytest

from tools.virtual.board import VirtualBoard

SCRIPT = """
import gc, time
for round in range(20):
    f = open("/lost", "wb")
    f.write(bytes([round]) * 3000)
    f = None
    gc.collect()
    with open("/lost", "rb") as g:
        assert g.read() == bytes([round]) * 3000, round
print("whole after", time.ticks_ms())
"""


@pytest.fixture
def board(tmp_path):
    with VirtualBoard.create(tmp_path / "board", {"main.py": SCRIPT.encode()}) as board:
        yield board


def test_a_file_that_the_collector_closes_is_whole(board):
    board.power_on()
    board.run_for(60_000)
    assert len(board.lines) == 1 and board.lines[0].startswith("whole"), board.lines


def test_its_operations_take_their_time_and_power_can_be_cut_in_them(board):
    board.power_on()
    board.run_for(60_000)
    board.cut_power()
    assert int(board.lines[0].split()[-1]) > 20 * 45, "each round erases a block, for 45 ms"
    for number in range(3, 60, 7):
        board.cut = [number, 0.5]
        board.power_on()
        board.run_for(60_000)
        assert board.ends[-1] == "cut" and board.flash_ops == number
        assert len(set(board.read_flash()["lost"])) <= 1, "a round's bytes, or none"
