"""Live boards whose local page is opened by its key, and clients of it over real sockets."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tools.virtual.board import VirtualBoard
from tools.virtual.live import LiveBoard

PIN = "20250731"
WRONG = "13570000"
START_S = 30


class Device(LiveBoard):
    """A live board with its power on, in IDLE."""

    def __init__(self, board: VirtualBoard):
        super().__init__(board)
        self.do("schedule", board.now_us, "USB", True)
        self.do("power_on")
        self.wait_line("state IDLE", START_S)

    def __enter__(self) -> Device:
        return self

    def hold(self, key: str, ms: int, line: str) -> None:
        """Press a key for `ms`, and wait until the log says `line`."""
        seen = len(self.board.lines)
        self.do("press", key, ms)
        self.wait_line(line, START_S, seen)

    def open_page(self) -> None:
        """From anew, as by a press after the page was closed: no session, no wrong PIN."""
        if "local page: open" in "\n".join(self.board.lines).rpartition("local page: closed")[2]:
            self.hold("PWR_SW1", 3200, "local page: closed")
        self.hold("PWR_SW1", 3200, "local page: open")

    def client(self, **options) -> Client:
        return Client(base_url=self.board.page_url, timeout=10, **options)


def made(folder: Path, files: dict[str, bytes], rate: float, heap: str = "1M", **settings) -> Device:
    """A new one that has a PIN."""
    kept = {"etc/pin.txt": PIN.encode(), "etc/settings.json": json.dumps(settings).encode()}
    return Device(VirtualBoard.create(folder, files | kept, real=True, rate=rate, heap=heap))


class Client(httpx.Client):
    """Sends the token that the page would send."""

    csrf = ""

    def sign_in(self, pin: str) -> httpx.Response:
        self.csrf = self.get("/api/hello").json()["csrf"]
        answer = self.say("login", pin=pin)
        if answer.status_code == 200:
            self.csrf = answer.json()["csrf"]
        return answer

    def say(self, path: str, **fields) -> httpx.Response:
        return self.post("/api/" + path, json=fields, headers={"X-CSRF": self.csrf})


@pytest.fixture(scope="module")
def device(tmp_path_factory, flash_files) -> Iterator[Device]:
    """One with its page open, as an access point; its waits are eight times faster than real ones."""
    with made(tmp_path_factory.mktemp("page") / "board", flash_files, rate=8, wifi_on=False) as new:
        new.open_page()
        yield new


@pytest.fixture
def signed_in(device) -> Iterator[Client]:
    with device.client() as client:
        assert client.sign_in(PIN).status_code == 200
        yield client


def until(condition, timeout_s: float, what: str) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"{what} did not come within {timeout_s} s"
        time.sleep(0.05)
