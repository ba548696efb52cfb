"""A sample of `python -m tests.recording.powercut`; and that it finds a fault that is put into the firmware."""

import random
import shutil

import pytest

from tests.powercut.workers import ROOT
from tests.recording import powercut

POINTS = 24


@pytest.mark.parametrize("scenario", powercut.SCENARIOS)
def test_what_is_left_after_a_cut_plays_and_lacks_two_seconds_at_most(tmp_path, scenario):
    bench, tally = powercut.Bench(tmp_path, scenario, 22), powercut.Tally()
    points = powercut.every(bench.writes())
    closing = [point for point in points if point[0] >= points[-1][0] - 40]
    wanted = random.Random(6).sample(points, POINTS // 2) + random.Random(7).sample(closing, POINTS // 2)
    found = list(bench.cut(sorted(set(wanted)), tally, jobs=1))
    assert tally.wrong == [] and tally.undecodable == 0 and tally.points == len(set(wanted))
    assert tally.lost_ms <= powercut.MOST_MS
    assert any(told["lost_ms"] > 500 for told in found)  # the cut was one


@pytest.mark.parametrize(
    ("path", "right", "wrong", "step"),
    [
        ("app/segment.py", "    file.flush()\n    file.seek(0, 2)", "    file.seek(0, 2)", 17),
        ("app/wav.py", "max(size - wav.HEADER_BYTES, said)", "said", 1),
    ],
)
def test_a_fault_put_into_the_firmware_is_found(tmp_path, path, right, wrong, step):
    """A sync that is none; a repair that believes a header that was torn."""
    root = tmp_path / "tree"
    for tree in ("app", "board", "bootloader", "wire", "tests/powercut", "tests/recording"):
        shutil.copytree(ROOT / tree, root / tree)
    assert (root / path).read_text().count(right) == 1
    (root / path).write_text((root / path).read_text().replace(right, wrong))
    bench, tally = powercut.Bench(tmp_path / "bench", "sound", 6, root), powercut.Tally()
    points = [(number, "word") for number in range(40, len(bench.writes()), step)]
    list(bench.cut(points, tally, jobs=1))
    assert any("ms lost" in found for found in tally.wrong), tally.wrong
