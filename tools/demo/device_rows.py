"""Rows a and b: what a person holding the device sees. In virtual time."""

import io
import json

import av

from hil.virtual import VirtualRig
from tools.demo.stage import IDS, RowFailed, Stage


def power_up(key: str, ms: int, expected: str, mv: int = 3900, c: float = 25.0):
    """A row: this press, at this cell voltage and temperature, ends in this state."""

    def row(stage: Stage) -> str:
        board = stage.boards[IDS[0]]
        rig = VirtualRig(board)
        board.do("set_link", False)
        rig.battery_mv(mv)
        rig.restore_power()
        rig.wait(500)
        rig.press(key, ms)
        rig.wait(100)
        rig.temp_c(c)  # once a key woke it: heat alone wakes it by the event line
        rig.wait(ms + 1500)
        line = next(line for line in reversed(rig.board.lines) if line.startswith("spl: row"))
        state = "OFF" if board.power == "off" else line.split()[4]
        rig.cut_power()
        rig.temp_c(25)
        rig.battery_mv(3900)
        if state != expected:
            raise RowFailed(f"it is {state}, not {expected}: {line}")
        return f"{state}, row {line.split()[2]}: " + line.split(" - ")[1]

    return row


def recording(stage: Stage) -> str:
    """Record, bookmark, stop; and play what is on the card."""
    board = stage.boards[IDS[1]]
    rig = VirtualRig(board)
    board.do("set_link", False)
    rig.restore_power()
    rig.wait(500)
    rig.press("PWR_SW2", 1200)
    rig.expect("LED_REC", 1, 3000)
    rig.wait(4000)
    rig.press("PWR_SW2", 1200)
    rig.expect_line("bookmark at", 3000)
    rig.wait(3000)
    rig.press("PWR_SW2", 3200)
    rig.expect_line("recorded", 5000)
    rig.wait(500)
    rig.cut_power()
    files = board.read_card()
    about = json.loads(next(data for path, data in files.items() if path.endswith("session.json")))
    seconds = sum(_play(data) for path, data in files.items() if path.endswith(".wav"))
    if len(about["bookmarks"]) != 1 or not about["closed"]:
        raise RowFailed(f"session.json says {about}")
    return f"{seconds:.2f} s decoded by FFmpeg, bookmark at {about['bookmarks'][0] / 1000:.2f} s"


def _play(wav: bytes) -> float:
    """Seconds of sound that FFmpeg's libraries decode; they raise on what they can't."""
    with av.open(io.BytesIO(wav), "r") as container:
        stream = container.streams.audio[0]
        return sum(frame.samples for frame in container.decode(stream)) / stream.rate
