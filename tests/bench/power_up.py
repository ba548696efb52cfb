"""How long the SPL takes beyond the hold, on the board's own clock; and how fast virtual time runs."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from hil.virtual import VirtualRig
from tools import firmware
from tools.virtual.board import VirtualBoard

_HOLD_MS = 1500
_IDLE_H = 1


def measure() -> Iterator[tuple[str, str, str, str]]:
    """powering up"""
    with tempfile.TemporaryDirectory() as folder:
        identity = firmware.Identity("bench", "virtual", Path(folder) / "keys", settings={"wifi_on": False})
        files = firmware.first_flash(identity, Path(folder))
        board = VirtualBoard.create(Path(folder) / "board", files)
        with board:
            rig = VirtualRig(board)
            rig.restore_power()
            rig.wait(1000)
            pressed_us = board.now_us
            rig.press("PWR_SW1", 2000)
            rig.expect_line("spl: row 7", 4000)
            decided_ms = (board.now_us - pressed_us) / 1000
            yield (
                "press to decision",
                f"{decided_ms:.2f} ms",
                f"the hold: {_HOLD_MS} ms",
                f"{decided_ms - _HOLD_MS:.2f} ms beyond it",
            )
            started = time.perf_counter()
            rig.wait(_IDLE_H * 3_600_000)
            took_s = time.perf_counter() - started
        yield (
            f"{_IDLE_H} h in IDLE",
            f"{took_s:.2f} s",
            "real time: 3600 s",
            f"{3600 * _IDLE_H / took_s:.0f} x faster",
        )
