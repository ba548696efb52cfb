"""The whole at once, as operators meet it: three boards, two thousand simulated devices, and two people at the portal.

Everything is done in the browser and nothing is reloaded: what changes has to arrive by itself.
"""

import re
import tempfile
from pathlib import Path

import pytest

from tests.portal import lab as labs
from tests.portal.test_portal import begin
from tools.demo.stage import IDS, Stage

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
pytestmark = [pytest.mark.long, pytest.mark.timeout(420)]

SPEED = 4.0  # of the boards' clocks
GOOD, FAILING = 1900, 100
REACHED = 300  # simulated ones that the campaign is for, beside the boards
BOARDS_S, CAMPAIGN_S = 120, 180


@pytest.fixture(scope="module")
def stage():
    with tempfile.TemporaryDirectory(prefix="fieldrec-") as folder:
        Path(folder).chmod(0o755)  # run as root, PostgreSQL is another user's
        with Stage(Path(folder), SPEED, print) as stage:
            stage.make_boards()
            yield stage


@pytest.fixture(scope="module")
def lab(stage):
    """With 2,000 devices online, and the boards on their shelf."""
    with (
        labs.running(stage.cloud) as lab,
        lab.fleet("sim", GOOD, over_s=20),
        lab.fleet("bad", FAILING, {"failing": 1}, over_s=2),
    ):
        lab.run("UPDATE devices SET group_name = 'bench' WHERE starts_with(id, 'bad-')")
        lab.run(
            "UPDATE devices SET group_name = 'field' WHERE id BETWEEN 'sim-00000' AND %s",
            f"sim-{REACHED - 1:05}",
        )
        yield lab


@pytest.fixture(scope="module")
def boards(stage, lab):
    stage.go_live()
    for board in IDS:
        stage.wait_line(board, "network: online", BOARDS_S)
    lab.change("groupDevices", f'ids: {list(IDS)}, group: "field"'.replace("'", '"'), "")
    return IDS


def stays(page) -> None:
    """From here on, the page is not loaded again: `still` says so."""
    page.evaluate("window.same = true")


def still(page) -> bool:
    return page.evaluate("window.same === true")


def test_boards_arrive_before_the_eyes_of_who_is_signed_in(stage, lab, open_tab, request):
    page = open_tab("operator")
    online = page.get_by_label("The fleet at a glance").locator(".big").first
    expect(online).to_have_text("2,000 of 2,000")
    stays(page)
    request.getfixturevalue("boards")
    expect(online).to_have_text("2,003 of 2,003")
    assert still(page)


@pytest.mark.parametrize("device", [IDS[1], "sim-01234"])
def test_find_a_device(boards, open_tab, device):
    page = open_tab("operator")
    page.keyboard.press("/")
    page.keyboard.type(device)
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("tbody").get_by_role("link", name=device).press("Enter")
    expect(page.get_by_role("heading", name=device, level=1)).to_be_visible()
    expect(page.get_by_text("Online", exact=True)).to_be_visible()
    expect(page.get_by_text("app 1.0.0")).to_be_visible()


def test_a_board_answers_a_command(boards, open_tab):
    page = open_tab("operator")
    page.goto(f"/devices/{boards[0]}")
    page.get_by_role("button", name="Identify").click()
    commands = page.locator("section", has=page.get_by_role("heading", name="Commands"))
    expect(commands.locator("tbody tr").first).to_contain_text("Succeeded", timeout=30_000)


def test_a_release_is_uploaded_and_reaches_boards_and_hundreds(stage, lab, boards, open_tab):
    page, board = open_tab("operator"), open_tab("viewer")
    page.goto("/apps")
    page.get_by_label("Upload a release").set_input_files(stage.build("1.1.0"))
    expect(page.locator("tbody").get_by_text("fieldrec 1.1.0")).to_be_visible()
    board.goto(f"/devices/{boards[0]}")
    expect(board.get_by_text("app 1.0.0")).to_be_visible()
    stays(board)
    begin(page, "1.1.0", group="field", devices=REACHED + len(boards))
    stays(page)
    all_of_them = page.get_by_text(f"{REACHED + len(boards)} of {REACHED + len(boards)} updated")
    expect(all_of_them).to_be_visible(timeout=1000 * CAMPAIGN_S)
    expect(page.locator("h1 + .pill")).to_have_text("Succeeded")
    expect(board.get_by_text("app 1.1.0")).to_be_visible()
    expect(board.locator(".slot.on")).to_contain_text("1.1.0")
    assert still(page) and still(board)


def test_one_that_fails_halts_and_says_why(lab, boards, open_tab):
    lab.publish("1.2.0")
    page = open_tab("operator")
    begin(page, "1.2.0", group="bench", devices=FAILING)
    stays(page)
    expect(page.get_by_role("alert")).to_contain_text("Halted")
    expect(page.get_by_text("flash: write error at 4096").first).to_be_visible()
    assert still(page)


def test_a_second_person_approves(lab, boards, open_tab):
    lab.publish("1.3.0")
    lab.change("setPolicy", "kind: APP, approvals: 1, promotedOnly: false", "")
    operator, approver = open_tab("operator"), open_tab("approver")
    approver.goto("/apps")
    stays(approver)
    begin(operator, "1.3.0", "sim-01800 sim-01801 sim-01802")
    stays(operator)
    expect(operator.get_by_text("Waits for 1 approval by another person")).to_be_visible()
    expect(operator.get_by_role("button", name="Approve")).to_have_count(0)
    expect(approver.get_by_text("waits for your approval", exact=False).last).to_be_visible()  # by itself
    assert still(approver)
    approver.get_by_role("link", name="Look at it").click()
    approver.get_by_role("button", name="Approve").click()
    approver.get_by_role("dialog").get_by_label("Why").fill("looked at it")
    approver.get_by_role("dialog").get_by_role("button", name="Approve").click()
    expect(operator.locator("h1 + .pill")).to_have_text("Succeeded", timeout=30_000)
    assert still(operator)
    approver.goto("/audit")
    row = approver.locator("tr", has_text="campaign.approved")
    expect(row).to_contain_text(re.compile("user:approver.*looked at it", re.DOTALL))
