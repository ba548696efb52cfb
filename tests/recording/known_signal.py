"""`python -m tests.recording.known_signal`: minutes of video and sound, ten segment changes, held to what was heard.

The virtual microphone hears a counter, so that each sample says when it sounded.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from array import array
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hil.virtual import VirtualRig
from tests.recording import pictures, players
from tools import firmware, keys, recordings, release
from tools.virtual.board import VirtualBoard

KHZ = 16
MOST_OFF_MS = 20
_PRESS_MS = 1200


@dataclass
class Result:
    segments: int
    seconds: float
    frames: int
    wrong: list[str]
    worst_ms: float  # the bookmark that is farthest from the release of its key

    def line(self) -> str:
        found = f"{self.segments} segments, {self.seconds:.3f} s, {self.frames} frames"
        return f"{found}, bookmarks off by {self.worst_ms:.2f} ms at most, wrong: {len(self.wrong)}"


def board(folder: Path, flash: dict[str, bytes], video: bool) -> VirtualRig:
    """A board that hears the counter, and sees pictures, with its battery in."""
    rig = VirtualRig(VirtualBoard.create(folder / "board", flash))
    rig.board.do("set_sound", "counter")
    if video:
        pictures.make(folder / "jpg")
        rig.board.do("set_frames", str(folder / "jpg"))
    rig.restore_power()
    rig.wait(1000)
    return rig


def record(rig: VirtualRig, seconds: float, bookmarks: int) -> list[int]:
    """Record by the keys; when each bookmark's key was let go, in us."""
    rig.press("PWR_SW2", _PRESS_MS)
    rig.expect("LED_REC", 1, 4000)
    rig.wait(1000)
    released = []
    for number in range(bookmarks):
        rig.wait(seconds * 1000 / bookmarks - _PRESS_MS - 300 + number * 7.3)
        released.append(rig.board.now_us + _PRESS_MS * 1000)
        rig.press("PWR_SW2", _PRESS_MS, bounce=bool(number % 2))
        rig.wait(_PRESS_MS + 300)
    rig.press("PWR_SW2", 3200)
    rig.expect_line("recorded", 8000)
    rig.wait(500)
    rig.board.close()
    return released


def save(rig: VirtualRig, out: Path) -> Path:
    """The card in a folder of the host; the first recording of it."""
    files = rig.board.read_card()
    for path, data in files.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_bytes(data)
    return recordings.sessions(out)[0]


def judge(session: Path, released_us: list[int], *, programs: bool = True) -> Result:
    """Play all segments, and compare with what was heard."""
    verdict = recordings.verify(session)
    wrong, samples, frames = list(verdict.faults), array("H"), 0
    for each in verdict.about["segments"]:
        path = session / each["name"]
        played = players.play(path.read_bytes())
        wrong += [f"{path.name}: {words}" for words in played.complaints]
        if programs and (words := players.programs_complain(path)):
            wrong.append(f"{path.name}: {words}")
        if len(played.samples) * 2 != each["sound_bytes"] or played.frames != each["frames"]:
            wrong.append(f"{path.name}: {len(played.samples)} samples, {played.frames} frames, not {each}")
        samples += played.samples
        frames += played.frames
    wrong += breaks(samples)
    offs = [off_ms(samples, ms, us) for ms, us in zip(verdict.about["bookmarks"], released_us, strict=True)]
    worst = max(map(abs, offs), default=0.0)
    if worst > MOST_OFF_MS:
        wrong.append(f"bookmarks are off by {offs} ms")
    return Result(len(verdict.about["segments"]), len(samples) / KHZ / 1000, frames, wrong, worst)


def breaks(samples: array) -> list[str]:
    """Where a sample is not the one before it plus one."""
    found = [i for i in range(1, len(samples)) if samples[i] != (samples[i - 1] + 1) & 0xFFFF]
    return [f"after sample {i - 1} ({samples[i - 1]}) comes {samples[i]}" for i in found[:5]]


def off_ms(samples: array, offset_ms: int, at_us: int) -> float:
    """How much later than `at_us` the sample at an offset sounded."""
    late = (samples[offset_ms * KHZ] - at_us * KHZ // 1000) & 0xFFFF
    return (late - 0x10000 if late > 0x8000 else late) / KHZ


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.recording.known_signal", description=__doc__)
    parser.add_argument("--seconds", type=float, default=610)
    parser.add_argument("--sound-only", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fieldrec-signal-") as name:
        folder = Path(name)
        keys.new(folder / "keys")
        first = release.build("1.0.0", ["virtual"], folder)
        release.sign(first, folder / "keys" / "release.pem")
        identity = firmware.Identity("dev-0001", "virtual", folder / "keys", settings={"wifi_on": False})
        with closing(board(folder, firmware.files(identity, first), not asked.sound_only)) as rig:
            released = record(rig, asked.seconds, 10)
            result = judge(save(rig, folder / "card"), released)
    for words in result.wrong:
        print(words)
    print(result.line())
    return 1 if result.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
