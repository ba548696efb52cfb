"""`python -m tests.portal.pictures docs/images`: takes the pictures of the dashboard, on a cloud of its own.

Whoever takes them looks at them.
"""

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from playwright.sync_api import Browser, Page, sync_playwright

from cloud.processes import ALL
from tests.browsers import CHROMIUM, OPTIONS
from tests.cloud_fixtures import running_cloud
from tests.portal import lab as labs
from tools.fleet.device import _condition
from tools.fleet.kinds import assign

DEVICES = 2000
GROUPS = ("harbour", "north", "south", "workshop")
SITES = ("bergen", "oslo", "aarhus", "kiel")
MIX = {"healthy": 81, "slow": 4, "failing": 4, "reverting": 2, "offline": 9}
SHOWN = f"cam-{assign(DEVICES, MIX).index('healthy', 42):05}"
WIDE = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True}
WAIT_MS = 60_000


def main(folder: Path) -> None:
    with (
        running_cloud(*ALL) as cloud,
        labs.running(cloud) as lab,
        lab.fleet("cam", DEVICES, MIX, 2.0, over_s=20) as ids,
    ):
        _furnish(lab, ids)
        with sync_playwright() as api:
            browser = api.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
            _take(lab, browser, folder)
            browser.close()


def _furnish(lab: labs.Lab, ids: list[str]) -> None:
    """Groups, labels, two days of heartbeats of one device, settings, releases, tokens."""
    for number, name in enumerate(GROUPS):
        lab.run("UPDATE devices SET group_name = %s WHERE hashtext(id) & 3 = %s", name, number)
        lab.run("INSERT INTO device_labels SELECT id, 'site', %s FROM devices WHERE hashtext(id) >> 2 & 3 = %s",
                SITES[number], number)  # fmt: skip
    lab.run(
        "INSERT INTO device_labels SELECT id, 'owner', 'city' FROM devices WHERE hashtext(id) >> 4 & 3 = 0"
    )
    _history(lab, SHOWN)
    for version in ("1.1.0", "1.2.0-rc1", "1.2.0"):
        digest = lab.publish(version)
        if version == "1.1.0":
            lab.change(
                "promoteRelease", f'digest: "{digest}", why: "a week in the workshop without a fault"', ""
            )
    lab.change("createToken", 'name: "ci-releases", role: PUBLISHER, days: 90', "")
    lab.change("createToken", 'name: "wallboard", role: VIEWER', "")
    lab.change("createToken", 'name: "old-ci", role: PUBLISHER', "")
    lab.change("revokeToken", 'name: "old-ci"', "")
    lab.change("createUser", 'name: "night-shift", role: OPERATOR', "")
    lab.change("createUser", 'name: "trainee", role: VIEWER', "")
    lab.change("changeUser", 'name: "trainee", disabled: true', "")
    lab.run("UPDATE tokens SET used_at = now() - interval '3 min' WHERE name = 'wallboard'")


def _history(lab: labs.Lab, device: str) -> None:
    """As it would have said it, up to now."""
    now = datetime.now(UTC)
    with psycopg.connect(lab.cloud.settings.postgres_url) as connection, connection.cursor() as cursor:
        columns = "(device_id, received_at, state, vbat_mv, soc_pct, temp_decic, app_version, runtime_version, slot,"
        with cursor.copy(f"COPY heartbeats {columns} uptime_s, mem_free, counters) FROM STDIN") as copy:
            for minutes in range(24 * 60, 0, -5):
                at = now - timedelta(minutes=minutes)
                said = _condition(device, at.timestamp())
                facts = [said[name] for name in ("state", "vbat_mv", "soc_pct", "temp_decic")]
                copy.write_row([device, at, *facts, "1.0.0", "1.26.0", "a", 60, 100_000, "{}"])
        last = ""
        for minutes in range(600, 0, -5):
            at = now - timedelta(minutes=minutes)
            state = _condition(device, at.timestamp())["state"]
            if state != last:
                cursor.execute(
                    "INSERT INTO events (device_id, received_at, kind, body)"
                    " VALUES (%s, %s, 'transition', jsonb_build_object('kind', 'transition', 'to', %s::text))",
                    [device, at, state],
                )
            last = state


def _take(lab: labs.Lab, browser: Browser, folder: Path) -> None:
    def shot(page: Page, name: str, *texts: str) -> None:
        for text in texts:
            page.get_by_text(text).first.wait_for()
        page.mouse.move(0, 0)
        page.wait_for_timeout(700)  # transitions of half a second
        page.screenshot(path=folder / f"dashboard-{name}.png")
        print(name, flush=True)

    page = _page(browser, lab, **WIDE)
    shot(page, "sign-in", "Sign in")
    _sign_in(page, "operator")
    _begin(page, "1.2.0-rc1", "workshop", {"g0_amount": "120", "error": "2"})
    page.get_by_text("Halted:").wait_for()
    halted = page.url
    early = {"g0_amount": "40", "g1_name": "early", "g1_amount": "25", "error": "15", "success": "85"}
    _begin(page, "1.2.0", "", early, lambda: shot(page, "wizard", "What it will do"))
    page.get_by_text("failed", exact=False).first.wait_for()
    until = time.monotonic() + 60
    while (
        int(page.locator(".big").first.inner_text().split()[0].replace(",", "")) < 25
        and time.monotonic() < until
    ):
        page.wait_for_timeout(300)
    shot(page, "campaign", "Live", "Failures by reason")
    campaign = page.url
    phone = _page(browser, lab, **PHONE)
    _sign_in(phone, "operator")
    phone.goto(campaign)
    shot(phone, "phone-campaign", "Groups")
    page.goto(halted)
    shot(page, "halted", "Live")
    page.goto("/devices")
    page.get_by_label("The fleet at a glance").get_by_role("button", name="1.2.0", exact=True).wait_for()
    shot(page, "devices", "Live", "of 2,000")
    phone.goto("/devices")
    shot(phone, "phone", "of 2,000")
    dark = _page(browser, lab, **WIDE, color_scheme="dark")
    _sign_in(dark, "operator")
    shot(dark, "devices-dark", "Live", "of 2,000")
    dark.goto(f"/devices/{SHOWN}")
    dark.get_by_role("button", name="Identify").click()
    for state in ("visible", "hidden"):
        dark.get_by_text("asked. The answer").wait_for(state=state)
    shot(dark, "device-dark", "Live")
    page.goto("/apps")
    shot(page, "app-store", "Live", "fieldrec 1.1.0")
    admin = _page(browser, lab, **WIDE)
    _sign_in(admin, "admin")
    admin.goto("/audit")
    shot(admin, "audit", "Live", "campaign.created")
    admin.goto("/people")
    shot(admin, "people", "Live", "ci-releases")


def _begin(page: Page, version: str, group: str, filled: dict[str, str], look=lambda: None) -> None:
    """A campaign by the wizard."""
    page.goto("/apps/campaign")
    page.locator("label", has=page.locator(f"b:text-is('fieldrec {version}')")).click()
    if group:
        page.get_by_role("combobox", name="Group").select_option(group)
    if "g1_name" in filled:
        page.get_by_role("button", name="Add a group").click()
        page.locator("[name=g2_name]").wait_for()
    for name, text in filled.items():
        page.locator(f"[name={name}]").fill(text)
    page.wait_for_timeout(2000)  # what it would do is worked out anew
    page.evaluate("scrollTo(0, 0)")
    look()
    page.get_by_role("button", name="Start for").click()
    page.get_by_role("dialog").get_by_role("button", name="Start").click()
    page.wait_for_url("**/campaigns/*")


def _page(browser: Browser, lab: labs.Lab, **options) -> Page:
    page = browser.new_context(base_url=lab.url, **options).new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto("/")
    return page


def _sign_in(page: Page, name: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(labs.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Devices", exact=True).wait_for()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
