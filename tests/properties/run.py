"""Live a life on a virtual board."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.properties.life import Life
from tests.properties.observed import Observed
from tests.properties.weather import weather
from tools.virtual.board import VirtualBoard
from tools.virtual.trace import Trace, run_to

_HEAP = "384K"  # as a board has it, or less; it is swept at each start, so a larger one takes longer


def live(life: Life, files: Mapping[str, bytes]) -> tuple[Trace, Observed]:
    """On a new board with `files` on its flash, which is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="fieldrec-life-"))
    try:
        with VirtualBoard.create(folder / "board", files, seed=life.seed, heap=_HEAP) as board:
            return _live(life, board)
    finally:
        shutil.rmtree(folder)


def _live(life: Life, board: VirtualBoard) -> tuple[Trace, Observed]:
    for order in life.orders:
        run_to(board, order.at_us)
        if not (order.do[0] == "power_on" and board.power != "dead"):
            board.do(*order.do)
    run_to(board, life.length_us)
    board.do("cut_power")
    trace = Trace.of(board)
    return trace, Observed(trace, *weather(trace), _sessions(board))


def _sessions(board: VirtualBoard) -> set[str]:
    """The folders with a session on the card; it is only looked at if something should be on it."""
    if not any("recording /sd/" in line for line in board.lines):
        return set()
    return {
        f"/sd/{path.removesuffix('/session.json')}" for path in board.read_card() if "session.json" in path
    }
