"""SPL and app on a heap of 192 KiB, where each object is twice as large as on a board, and the stand-ins share it."""

from hil.virtual import VirtualRig
from tools.virtual.board import VirtualBoard


def test_spl_and_app_in_idle_fit_in_192_kib(tmp_path, flash_files):
    with VirtualBoard.create(tmp_path / "board", flash_files, heap="192K") as board:
        rig = VirtualRig(board)
        rig.restore_power()
        rig.wait(1000)
        rig.press("PWR_SW1", 1600)
        rig.expect("LED_STATE", 1, 4000)
        rig.wait(3_600_000)
        rig.press("PWR_SW1", 5100)
        rig.expect_line("state IDLE -> OFF (PWR_SW1 5000)", 8000)
        assert not [line for line in board.lines if "MemoryError" in line]
