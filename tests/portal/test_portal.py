"""The portal in a real browser, on a running cloud with simulated devices."""

import re

import httpx
import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
expect.set_options(timeout=20_000)

# what can be acted on, and has no name that a screen reader could say
NAMELESS = """
() => [...document.querySelectorAll("button, a[href], input:not([type=hidden]), select, textarea")]
  .filter((e) => !(e.getAttribute("aria-label") || e.title || e.labels?.length || e.textContent.trim()))
  .map((e) => e.outerHTML.slice(0, 120))
"""
FORGED = """
() => {
  const button = document.createElement("button");
  Object.assign(button.dataset, { do: "command", command: "REBOOT" });
  document.querySelector(".live").append(button);
  button.click();  // at once: the next change of the device draws the page anew, without it
}
"""
WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def fleet(lab):
    with lab.fleet("cam", 40, step_s=0.4) as ids:
        yield ids


@pytest.fixture(scope="module")
def campaign(lab, fleet) -> str:
    """The path of one that others have made."""
    asked = f'release: "{lab.publish("1.0.1")}", filter: {{ids: ["{fleet[30]}"]}}, groups: [{{name: "one", count: 1}}]'
    made = lab.change("createCampaign", f"input: {{{asked}}}", "... on CampaignChanged { campaign { id } }")
    return f"/campaigns/{made['campaign']['id']}"


def begin(page, version: str, only: str = "", group: str = "", devices: int = 0, **fields: str) -> None:
    """A campaign by the wizard for `only` these, or for a `group` of so many `devices`."""
    page.goto("/apps/campaign")
    page.get_by_label(f"fieldrec {version}").check()
    page.get_by_label("Only these devices").fill(only)
    if group:
        page.get_by_role("combobox", name="Group").select_option(group)
    for label, text in fields.items():
        page.get_by_label(label.replace("_", " ")).fill(text)
    start = page.get_by_role("button", name=f"for {devices or len(only.split())} device")
    expect(start).to_be_enabled()
    start.click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("Start|Hand in")).click()
    page.wait_for_url("**/campaigns/*")


def test_who_is_not_signed_in_sees_nothing_and_the_session_is_no_ones_to_read(lab, open_tab):
    page = open_tab()
    expect(page).to_have_url(re.compile("/sign-in"))
    page.get_by_label("Name").fill("operator")
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("the name or the password is wrong")
    page = open_tab("operator")
    (cookie,) = [each for each in page.context.cookies() if each["name"] == "fieldrec"]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax"
    assert page.evaluate("document.cookie") == ""
    for where in ("/graphql", "/v1/devices"):
        assert page.request.get(where).status == 404  # the token stays behind: no door to the API here
    page.get_by_role("button", name="Sign out").first.click()
    expect(page).to_have_url(re.compile("/sign-in"))
    page.goto("/devices")
    expect(page).to_have_url(re.compile("/sign-in"))


def test_a_form_on_another_site_changes_nothing(lab):
    for path in ("/sign-in", "/sign-out", "/upload", "/link/x"):
        answer = httpx.post(lab.url + path, headers={"Origin": "https://elsewhere.example"}, trust_env=False)
        assert answer.status_code == 403
    headers = httpx.get(f"{lab.url}/sign-in", trust_env=False).headers
    assert (
        headers["x-frame-options"] == "DENY"
        and "frame-ancestors 'none'" in headers["content-security-policy"]
    )


def test_a_link_signs_in_once_and_not_by_being_looked_at(lab, open_tab):
    token = lab.change("createSignInLink", 'user: "viewer"', "... on LinkMade { token }")["token"]
    page = open_tab()
    for _ in range(2):
        page.goto(f"/link/{token}")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Devices", exact=True)).to_be_visible()
    again = open_tab()
    again.goto(f"/link/{token}")
    again.get_by_role("button", name="Continue").click()
    expect(again.get_by_role("alert")).to_contain_text("the link was used already")


def test_find_a_device_by_keyboard_and_see_its_changes_without_a_reload(lab, fleet, open_tab):
    page = open_tab("operator")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("00017")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("q=00017"))
    page.locator("tbody").get_by_role("link").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="cam-00017")).to_be_visible()
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.evaluate("window.same = true")
    lab.change("groupDevices", 'ids: ["cam-00017"], group: "harbour"', "")
    page.get_by_role("button", name="Identify").click()
    expect(page.locator("tbody").get_by_text("Identify")).to_be_visible()
    expect(page.get_by_text("harbour", exact=True)).to_be_visible()
    assert page.evaluate("window.same")
    page.get_by_role("button", name="Group and labels").click()
    page.get_by_role("textbox", name="Labels").fill("site=oslo")
    page.get_by_role("button", name="Keep").click()
    expect(page.locator("span.tag", has_text="site=oslo")).to_be_visible()


@pytest.mark.long
def test_upload_a_release_and_bring_it_to_its_end(lab, fleet, open_tab):
    page = open_tab("operator")
    page.goto("/apps")
    page.get_by_label("Upload a release").set_input_files(lab.release("1.1.0"))
    expect(page.locator("tbody").get_by_text("fieldrec 1.1.0")).to_be_visible()
    expect(page.get_by_role("status").get_by_text("its signature is good")).to_be_visible()
    page.get_by_label("Upload a release").set_input_files(
        {"name": "forged.frel", "mimeType": "application/octet-stream", "buffer": b"FREL" + bytes(400)}
    )
    expect(page.get_by_text("forged.frel was refused")).to_be_visible()
    begin(page, "1.1.0", " ".join(fleet[:12]))
    page.evaluate("window.same = true")
    expect(page.locator("main").get_by_text("Succeeded").first).to_be_visible()
    expect(page.get_by_text("of 12 updated")).to_be_visible()
    assert page.evaluate("window.same")


@pytest.mark.long
def test_one_that_fails_halts_and_says_why(lab, open_tab):
    lab.publish("1.2.0")
    page = open_tab("operator")
    with lab.fleet("bad", 6, {"failing": 1}, step_s=0.2) as ids:
        begin(page, "1.2.0", " ".join(ids))
        expect(page.get_by_role("alert")).to_contain_text("Halted")
        expect(page.get_by_role("heading", name="Failures by reason")).to_be_visible()
        expect(page.get_by_text("flash: write error at 4096").first).to_be_visible()


@pytest.mark.long
def test_a_second_person_approves(lab, fleet, open_tab):
    lab.publish("1.3.0")
    lab.change("setPolicy", "kind: APP, approvals: 1, promotedOnly: false", "")
    try:
        operator, approver = open_tab("operator"), open_tab("approver")
        begin(operator, "1.3.0", " ".join(fleet[20:24]))
        expect(operator.get_by_text("Waits for 1 approval by another person")).to_be_visible()
        expect(operator.get_by_role("button", name="Approve")).to_have_count(0)
        approver.goto("/apps")
        approver.get_by_role("link", name="Look at it").click()
        approver.get_by_role("button", name="Approve").click()
        approver.get_by_role("dialog").get_by_label("Why").fill("looked at it")
        approver.get_by_role("dialog").get_by_role("button", name="Approve").click()
        expect(operator.locator("main").get_by_text("Succeeded").first).to_be_visible()  # by itself
        approver.goto("/audit")
        row = approver.locator("tr", has_text="campaign.approved")
        expect(row).to_contain_text("user:approver")
        expect(row).to_contain_text("looked at it")
    finally:
        lab.change("setPolicy", "kind: APP, approvals: 0, promotedOnly: false", "")


def test_a_viewer_can_change_nothing(lab, fleet, campaign, open_tab):
    page = open_tab("viewer")
    for path in ("/apps", "/devices/cam-00001", campaign):
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        for name in ("New campaign", "Reboot", "Identify", "Revoke", "Abort", "Change", "Group and labels"):
            assert page.get_by_role("button", name=name, exact=True).count() == 0
        assert page.get_by_label("Upload a release").count() == 0
    assert page.request.post("/upload", data=b"FREL").status == 403
    page.goto("/devices/cam-00001")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.evaluate(FORGED)
    expect(page.get_by_role("status").get_by_text("but not operate")).to_be_visible()


def test_people_and_their_tokens_by_an_admin(lab, open_tab):
    page = open_tab("admin")
    page.get_by_role("link", name="People").first.click()
    users = page.get_by_label("Users")
    expect(users.locator("tr", has_text="operator")).to_contain_text("password")
    page.get_by_role("button", name="Add a person").click()
    page.get_by_role("dialog").wait_for()
    page.keyboard.type("night-shift")  # the first field has the focus
    page.get_by_role("dialog").get_by_label("Role").select_option("OPERATOR")
    page.get_by_role("dialog").get_by_label("Password").press("Enter")
    dialog = page.get_by_role("dialog", name="A link for night-shift")
    link = dialog.locator("code").inner_text()
    dialog.get_by_role("button", name="Done").click()
    row = users.locator("tr", has_text="night-shift")
    expect(row).to_contain_text("link alone")
    guest = open_tab()
    guest.goto(link)
    guest.get_by_role("button", name="Continue").click()
    expect(guest.get_by_role("heading", name="Devices", exact=True)).to_be_visible()
    expect(guest.get_by_role("link", name="People")).to_have_count(0)
    guest.goto("about:blank")  # a page of the portal would lead to the sign-in by itself, at any moment
    page.get_by_role("button", name="Disable night-shift").click()
    page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    expect(row).to_contain_text("Disabled")
    guest.goto("/apps")
    expect(guest).to_have_url(re.compile("/sign-in"))  # its session has ended


def test_a_token_is_shown_once(lab, open_tab):
    page = open_tab("admin")
    page.goto("/people")
    row = page.get_by_label("API tokens").locator("tr", has_text="nightly")
    page.get_by_role("button", name="New token").click()
    page.get_by_role("dialog").wait_for()
    page.keyboard.type("nightly")
    page.keyboard.press("Enter")
    token = page.get_by_role("dialog", name="The token of nightly").locator("code").inner_text()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(row).to_contain_text("never")
    assert token not in page.content()
    headers, campaigns = {"Authorization": f"Bearer {token}"}, f"{lab.cloud.urls['ota']}/v1/campaigns"
    with httpx.Client(verify=lab.trusted, headers=headers, trust_env=False) as http:
        assert http.get(campaigns).status_code == 403  # a publisher reads nothing
        page.get_by_role("button", name="Revoke the token nightly").click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        expect(row).to_contain_text("Revoked")
        expect(row).not_to_contain_text("never")  # it was used
        assert http.get(campaigns).status_code == 401


def test_people_are_for_admins(open_tab):
    page = open_tab("approver")
    assert page.get_by_role("link", name="People").count() == 0
    page.goto("/people")
    expect(page.get_by_role("alert")).to_contain_text("may not ask for")


PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True}


@pytest.mark.parametrize(
    "options", [pytest.param({}, id="wide"), pytest.param(PHONE, id="phone", marks=pytest.mark.long)]
)
def test_everything_has_a_name_and_fits(lab, fleet, campaign, open_tab, options):
    page = open_tab("admin", **options)
    for path in (
        "/devices",
        "/devices/cam-00001",
        "/firmware",
        "/apps",
        "/apps/campaign",
        campaign,
        "/audit",
        "/people",
    ):
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_role("main")).to_have_count(1)
        assert page.evaluate(NAMELESS) == []
        assert page.evaluate(WIDER) == 0, path
