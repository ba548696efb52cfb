"""One life of a board, and its trace: it is recorded, empties its cell in the heat, loses its power."""

from typing import NamedTuple

import pytest

from hil.virtual import VirtualRig
from tools.virtual.board import VirtualBoard
from tools.virtual.trace import Trace


class Life(NamedTuple):
    board: VirtualBoard
    trace: Trace


@pytest.fixture(scope="session")
def life(tmp_path_factory, flash_files) -> Life:
    board = VirtualBoard.create(tmp_path_factory.mktemp("life") / "board", flash_files, seed=7)
    with board:
        live(VirtualRig(board))
    return Life(board, Trace.of(board))


def live(rig: VirtualRig) -> None:
    rig.restore_power()
    rig.wait(1000)
    rig.press("PWR_SW2", 1300, bounce=True)
    rig.expect("LED_REC", 1, 4000)
    rig.wait(20_000)
    rig.press("PWR_SW2", 3200)
    rig.expect_line("state RECORD -> IDLE", 5000)
    for c in (34, 43, 50, 58, 66, 69):
        rig.temp_c(c)
        rig.wait(5000)
    rig.expect("LOAD", 65535, 700_000)
    rig.wait(30_000)  # the housing grows warmer under the load
    rig.wait(1234)
    rig.cut_power()
    rig.wait(500)
    rig.restore_power()
    rig.wait(2000)
