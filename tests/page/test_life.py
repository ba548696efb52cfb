"""When the page is there: its key, its ten minutes, the station or the access point, and what stays in memory."""

import socket

import httpx
import pytest

from tests.page.conftest import PIN, START_S, WRONG, Device, made, until


@pytest.fixture
def make(tmp_path, flash_files):
    devices = []

    def new(rate: float, **settings) -> Device:
        device = made(tmp_path / "board", flash_files, rate, **settings)
        devices.append(device)
        return device

    yield new
    for device in devices:
        device.close()


def is_served(device) -> bool:
    url = httpx.URL(device.board.page_url)
    try:
        socket.create_connection((url.host, url.port), timeout=2).close()
    except OSError:
        return False
    return True


def test_ten_minutes_after_the_press_it_is_over(make):
    device = make(rate=200, wifi_on=False)
    device.hold("PWR_SW1", 3200, "local page: open at 127.0.0.1 (access point)")
    assert is_served(device)
    closed = device.wait_line("local page: closed", START_S)
    until(lambda: not is_served(device), 2, "the end of the page")
    opened = device.wait_line("local page: open", 0)
    assert 595 < float(closed.split()[0]) - float(opened.split()[0]) < 605


def test_a_press_moves_it_with_the_network_and_back(make):
    device = make(rate=15, wifi_on=False, wifi_ssid="virtual")
    device.hold("PWR_SW1", 3200, "local page: open at 127.0.0.1 (station)")
    with device.client() as client:
        client.sign_in(PIN)
        assert client.get("/api/hello").json()["where"] == "station"
        seen = len(device.board.lines)
        assert client.say("wifi", ssid="NONE such", key="12345678").status_code == 200
        device.wait_line("'NONE such' could not be joined", START_S, seen)
        device.wait_line("local page: open at 127.0.0.1 (access point)", START_S, seen)
        assert client.get("/api/hello").json()["signed_in"]
        seen = len(device.board.lines)
        assert client.say("wifi", ssid="virtual", key="12345678").status_code == 200
        device.wait_line("local page: open at 127.0.0.1 (station)", START_S, seen)
    with device.client() as another:
        assert another.sign_in(WRONG).json()["tries_left"] == 4
    device.hold("PWR_SW1", 3200, "local page: closed")
    assert any("wifi_on off" in line for line in device.board.lines)


def test_in_private_mode_no_network_is_waited_for(make):
    device = make(rate=20, wifi_on=False, wifi_ssid="virtual", private=True)
    device.hold("PWR_SW1", 3200, "local page: open at 127.0.0.1 (access point)")
    pressed, opened = device.wait_line("wifi_on on", 0), device.wait_line("local page: open", 0)
    assert float(opened.split()[0]) - float(pressed.split()[0]) < 5


def test_it_is_closed_until_the_key_is_pressed(make):
    device = make(rate=20, wifi_ssid="virtual")
    device.wait_line("network:", START_S)  # the station is up, and looked for its cloud
    assert device.board.page_url == ""


def test_without_a_pin_it_stays_closed(tmp_path, flash_files):
    from tools.virtual.board import VirtualBoard

    with Device(VirtualBoard.create(tmp_path / "board", flash_files, real=True, rate=4)) as device:
        device.hold("PWR_SW1", 3200, "no PIN of 8 digits in /etc/pin.txt")
        assert device.board.page_url == ""
