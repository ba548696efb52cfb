"""The panel in a real browser, on a board that runs."""

import re

import pytest

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
expect.set_options(timeout=15_000)


def is_in(page, state: str) -> None:
    """The diagram and the header say so."""
    expect(page.locator(".diagram")).to_have_attribute("data-state", state)
    lit = page.locator(f'.diagram g[id*="state-{state}-"] :is(rect, path)').first
    rest = page.locator('.diagram g[id*="state-SPL-"] :is(rect, path)').first
    assert lit.evaluate(_FILL) != rest.evaluate(_FILL)


_FILL = "node => getComputedStyle(node).fill"


def light(page, name: str, on: bool) -> None:
    expect(page.locator(f"[data-led={name}]")).to_have_class(
        re.compile(r"\blit\b" if on else r"^((?!lit).)*$")
    )


def hold(page, key: str, ms: int) -> None:
    page.locator(f"[data-key={key}] .cap").hover()
    page.mouse.down()
    page.wait_for_timeout(ms)
    page.mouse.up()


def drag(page, name: str, value: float, low: float, high: float) -> None:
    """Take a slider's thumb and move it to a value."""
    slider = page.locator(f'.q-slider[aria-label="{name}"]')
    thumb, track = slider.locator(".q-slider__thumb").bounding_box(), slider.bounding_box()
    y = thumb["y"] + thumb["height"] / 2
    page.mouse.move(thumb["x"] + thumb["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(track["x"] + track["width"] * (value - low) / (high - low), y, steps=8)
    page.mouse.up()


def switch(page, label: str, on: bool) -> None:
    """From the other position, which the page may yet have to take over from the board."""
    toggle = page.get_by_role("switch", name=label)
    expect(toggle).to_be_checked(checked=not on)
    toggle.click()


@pytest.fixture
def page(desk, tab):
    """The tab; the board is off, with a good cell."""
    page = tab
    desk.ask("battery_mv", 3900)
    if desk.ask("status")["power"] != "dead":
        desk.ask("cut_power")
    desk.ask("release", "USB")
    desk.ask("power_on")
    is_in(page, "OFF")
    expect(page.locator("header .state")).to_have_text("OFF")
    return page


def test_a_hold_of_the_power_key_powers_it_on_and_an_empty_cell_off(desk, page):
    page.locator("[data-key=PWR_SW1] .cap").hover()
    page.mouse.down()
    expect(page.locator("[data-key=PWR_SW1] .arc.full")).to_have_count(1)
    expect(page.locator(".told")).to_contain_text("let go now: Power on")
    page.mouse.up()
    is_in(page, "IDLE")
    light(page, "LED_STATE", True)
    drag(page, "Cell", 3.39, 3.0, 4.3)
    is_in(page, "OFF")
    light(page, "LED_STATE", False)


def test_a_short_press_does_not(desk, page):
    hold(page, "PWR_SW1", 700)
    expect(page.locator(".log")).to_contain_text("PWR_SW1 released early")
    is_in(page, "OFF")


def test_recording_until_the_battery_is_pulled_with_a_key_held(desk, page):
    hold(page, "PWR_SW2", 1300)
    is_in(page, "RECORD")
    light(page, "LED_REC", True)
    page.keyboard.down("1")
    expect(page.locator("[data-key=PWR_SW1]")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Pull battery").click()
    expect(page.locator("header .state")).to_have_text("no battery")
    light(page, "LED_REC", False)
    page.keyboard.up("1")
    expect(page.locator("[data-key=PWR_SW1]")).to_have_attribute("aria-pressed", "false")
    desk.wait_level("PWR_SW1", 1)
    switch(page, "USB host", True)
    page.get_by_role("button", name="Put battery in").click()
    is_in(page, "IDLE")


def test_a_tab_that_is_closed_lets_its_key_go(desk, page, new_tab):
    other = new_tab(has_touch=True, color_scheme="dark")
    other.locator("[data-key=PWR_SW2]").focus()
    other.keyboard.down(" ")
    expect(page.locator("[data-key=PWR_SW2]")).to_have_attribute("aria-pressed", "true")
    desk.wait_level("PWR_SW2", 0)
    other.close()
    expect(page.locator("[data-key=PWR_SW2]")).to_have_attribute("aria-pressed", "false")
    desk.wait_level("PWR_SW2", 1)


def test_the_board_is_started_again_with_a_key_held(desk, page):
    page.keyboard.down("2")
    expect(page.locator("[data-key=PWR_SW2]")).to_have_attribute("aria-pressed", "true")
    desk.stop_board()
    expect(page.locator(".trouble")).to_contain_text("no board runs")
    page.keyboard.up("2")
    desk.start_board()
    expect(page.locator(".trouble")).to_be_hidden(timeout=15_000)
    expect(page.locator("[data-key=PWR_SW2]")).to_have_attribute("aria-pressed", "false")
    desk.wait_level("PWR_SW2", 1)


def test_what_a_person_changes_reaches_the_board(desk, page):
    switch(page, "Charger", True)
    expect(page.locator(".cradle")).to_have_class(re.compile("there"))
    switch(page, "Charger", False)
    expect(page.locator(".cradle")).not_to_have_class(re.compile("there"))
    switch(page, "SD card", False)
    expect(page.locator(".sd")).to_have_class(re.compile("out"))
    switch(page, "SD card", True)
    expect(page.locator(".sd")).not_to_have_class(re.compile("out"))
    assert desk.level("CHARGER") == 0 and desk.ask("news", {})["world"]["card"]
    page.get_by_role("combobox", name="Gauge fault").click()
    page.get_by_role("option", name="nack").click()
    hold(page, "PWR_SW1", 1700)
    expect(page.locator(".log")).to_contain_text("gauge or temperature unreadable")
    desk.ask("set_gauge_fault", "")
