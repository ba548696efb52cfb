"""The page in a browser of phone size: signing in, WiFi set-up, settings, and what must be refused.

With FIELDREC_SCREENSHOTS=1 the pictures in docs/images are taken anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browsers import browser
from tests.conftest import ROOT
from tests.page.conftest import PIN, START_S, WRONG, Device, made

__all__ = ["browser"]  # a fixture, for the tests here

PHONE = {"width": 390, "height": 844}
PICTURES = ROOT / "docs/images" if os.environ.get("FIELDREC_SCREENSHOTS") else None


@pytest.fixture(scope="module")
def phone_device(tmp_path_factory, flash_files) -> Iterator[Device]:
    """A new device that has made a recording, its page open."""
    folder = tmp_path_factory.mktemp("browser")
    with made(folder / "board", flash_files, rate=6, wifi_on=False) as device:
        device.hold("PWR_SW2", 3200, "recording ")
        device.hold("PWR_SW2", 3200, "recorded ")
        device.open_page()
        yield device
        assert not [line for line in device.board.lines if "Error" in line]


@pytest.fixture
def view(browser, phone_device) -> Iterator:
    """The page; an error of its script fails the test."""
    context = browser.new_context(viewport=PHONE, device_scale_factor=2, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(10_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(phone_device.board.page_url)
    yield page
    context.close()
    assert errors == []


def picture(page, name: str) -> None:
    """What fits on a phone, without what is empty below."""
    if PICTURES:
        used = page.evaluate("document.getElementById('main').getBoundingClientRect().bottom + 8")
        clip = {"x": 0, "y": 0, "width": PHONE["width"], "height": min(used, PHONE["height"])}
        page.screenshot(path=PICTURES / f"local-page{name}.png", clip=clip)


def sign_in(page) -> None:
    page.get_by_label("PIN").fill(PIN)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Status").wait_for()


def note(page, text: str) -> None:
    page.get_by_role("status").filter(has_text=text).wait_for(timeout=10_000)


def tab(page, name: str, heading: str | None = None) -> None:
    page.get_by_role("navigation").get_by_role("button", name=name).click()
    page.get_by_role("heading", name=heading or name).first.wait_for()


def test_the_way_to_a_network(view, phone_device):
    picture(view, "-sign-in")
    sign_in(view)
    picture(view, "")
    view.emulate_media(color_scheme="dark")
    picture(view, "-dark")
    view.emulate_media(color_scheme="light")
    tab(view, "WiFi", "Join a network")
    view.get_by_role("button", name="Look for networks").click()
    view.get_by_role("button", name="virtual").click()
    view.get_by_label("Password").fill("a good password")
    picture(view, "-wifi")
    seen = len(phone_device.board.lines)
    view.get_by_role("button", name="Join", exact=True).click()
    note(view, "The device joins virtual")
    phone_device.wait_line("local page: open at 127.0.0.1 (station)", START_S, seen)
    view.reload()
    view.get_by_text("virtual").wait_for()  # signed in still, and the status says the network


def test_a_setting_out_of_range_is_said_and_not_kept(view):
    sign_in(view)
    tab(view, "Settings")
    form = view.locator("form", has=view.locator("#segment_s"))
    form.locator("input").fill("5")
    form.get_by_role("button", name="Save").click()
    note(view, "setting segment_s is 5, not whole seconds from 10 to 600")
    picture(view, "-settings")
    form.locator("input").fill("30")
    form.get_by_role("button", name="Save").click()
    note(view, "segment_s is saved")
    tab(view, "Status")
    tab(view, "Settings")
    assert view.locator("#segment_s").input_value() == "30"


def test_five_wrong_pins_lock_the_page_until_the_key_is_pressed(view, phone_device):
    for left in ("4 tries left", "3 tries left", "2 tries left", "1 try left", "Locked"):
        view.get_by_label("PIN").fill(WRONG)
        view.get_by_role("button", name="Sign in").click()
        note(view, left)
    picture(view, "-locked")
    view.reload()
    note(view, "Locked for 10 min")
    view.get_by_label("PIN").fill(PIN)
    view.get_by_role("button", name="Sign in").click()
    note(view, "locked for")
    phone_device.open_page()
    sign_in(view)


def test_a_page_of_another_origin_changes_nothing(view, browser, phone_device, tmp_path):
    """Forged from a page beside, in the same browser, with the session's cookie in its jar."""
    sign_in(view)
    url = phone_device.board.page_url
    evil = tmp_path / "evil.html"
    evil.write_text(f"""<form id=f method=post enctype=text/plain action="{url}/api/settings">
        <input name='{{"name":"segment_s","value":600,"x":"' value='"}}'></form>""")
    other = view.context.new_page()
    other.goto(evil.as_uri())
    with other.expect_navigation():
        other.evaluate("document.getElementById('f').submit()")
    assert "sign in" in other.content()  # the cookie, SameSite=Strict, did not go along
    script = "url => fetch(url + '/api/settings').then(r => 'read ' + r.status, e => 'refused')"
    other.goto(evil.as_uri())
    assert other.evaluate(script, url) == "refused"
    forged = """() => fetch('/api/settings', {method: 'POST', body: '{"name":"segment_s","value":600}',
        headers: {'Content-Type': 'application/json', 'X-CSRF': '0'.repeat(32)}}).then(r => r.status)"""
    assert view.evaluate(forged) == 403
    tab(view, "Settings")
    assert view.locator("#segment_s").input_value() != "600"


def test_recordings_log_and_versions(view, tmp_path):
    sign_in(view)
    tab(view, "Recordings")
    picture(view, "-recordings")
    view.get_by_role("main").get_by_role("button", name="open").first.click()
    with view.expect_download() as started:
        view.get_by_role("link", name="000.wav").click()
    file = Path(started.value.path())
    content = file.read_bytes()
    assert (
        content[:4] == b"RIFF" and len(content) > 44 and started.value.suggested_filename.endswith("-000.wav")
    )
    tab(view, "Log")
    view.get_by_text("state IDLE -> RECORD").wait_for()
    tab(view, "Firmware")
    picture(view, "-firmware")
    view.get_by_text("Slot a, running").wait_for()
