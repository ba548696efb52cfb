"""A sample of `python -m tests.powercut`; and that it finds what it looks for, in firmware with a fault put in."""

import random
import shutil

import pytest

from tests.powercut import boards, ended, points
from tests.powercut.scenarios import SCENARIOS, prepare
from tests.powercut.workers import ROOT, Outcome, Workers

SINGLES, DOUBLES, TRIES, ENDED = 6, 2, 1, 3


@pytest.fixture(scope="module", params=SCENARIOS)
def prepared(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("powercut") / request.param
    prepare(SCENARIOS[request.param], folder)
    working = Workers(folder)
    return SCENARIOS[request.param], working, working.describe()


def outcomes(working: Workers, wanted: list[points.Point]) -> list[Outcome]:
    found: list[Outcome] = []
    working.cut(wanted, found.append)
    return found


def test_the_old_or_the_new_version_runs_after_a_cut_anywhere(prepared):
    scenario, working, run = prepared
    draw = random.Random(4)
    singles = points.single(run.operations)
    trials = [point for point in singles if point[0] >= run.starts[1] - 12]
    wanted = draw.sample(singles, SINGLES // 2) + draw.sample(trials, SINGLES // 2)
    wanted += points.double(singles, DOUBLES, 4)
    wanted += points.tries(run.starts[1], TRIES if scenario.behaviour == "hangs" else 0)
    found = outcomes(working, wanted)
    assert [outcome for outcome in found if outcome.bricked] == []
    assert len(found) == len(wanted) and {outcome.ran for outcome in found} <= {"old", "new"}


@pytest.mark.parametrize("prepared", ["app", "runtime"], indirect=True)
def test_the_flash_after_a_cut_is_that_of_a_process_that_ended_there(prepared):
    _, working, run = prepared
    assert len(list(ended.compare(working, run, ENDED, 4))) == ENDED


def test_a_fault_put_into_the_firmware_is_found(tmp_path):
    """A boot record that is removed before the new one takes its place."""
    right = '    os.rename(root + "/boot.new"'
    wrong = '    if "boot.json" in os.listdir(root + "/"):\n        os.remove(root + "/boot.json")\n' + right
    root = tmp_path / "tree"
    for tree in ("app", "board", "bootloader", "wire", "tests/powercut"):
        shutil.copytree(ROOT / tree, root / tree)
    path = root / "bootloader/bootctl.py"
    assert right in path.read_text()
    path.write_text(path.read_text().replace(right, wrong))
    prepare(SCENARIOS["app"], tmp_path / "app")
    working = Workers(tmp_path / "app", root)
    run = working.describe()
    counting_a_try = [(operation, 0) for operation in range(run.starts[1], run.starts[1] + 10)]
    found = [outcome.bricked for outcome in outcomes(working, counting_a_try)]
    assert any("floors is (1, 0), not" in bricked for bricked in found), "\n".join(found)


def test_whole_boards_come_back(tmp_path):
    cuts = [boards.Cut(0, 300, 0.5), boards.Cut(1, 8, 0.5)]
    found = list(boards.run(tmp_path, cuts))
    assert [(outcome.ran, outcome.bricked) for outcome in found] == [("old", ""), ("new", "")]
