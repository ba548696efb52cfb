"""A board and its panel as their users start them, and a browser to look at it with."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloud.embedded import ports
from tests.browsers import browser
from tools.virtual import service

__all__ = ["browser"]  # a fixture, for the tests here

_FIELDREC = Path(sys.executable).with_name("fieldrec")


class Desk:
    """The two processes; the board's can be ended and started again."""

    def __init__(self, folder: Path):
        self.port = folder / "board"
        (self._http,) = ports.free(1)
        self.url = f"http://127.0.0.1:{self._http}"
        self._log = (folder / "log").open("w")
        self.start_board()
        self._panel = self._start("panel", "--http", str(self._http))
        self._wait_for_panel()

    def _start(self, *words: str) -> subprocess.Popen:
        command: list[str | Path] = [_FIELDREC, "board", words[0], "--port", self.port, *words[1:]]
        env = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
        return subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT, env=env)

    def _wait_for_panel(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self._http)).close()
            except ConnectionRefusedError:
                assert self._panel.poll() is None and time.monotonic() < deadline, "the panel does not start"
                time.sleep(0.05)  # that a port is open can only be tried

    def start_board(self) -> None:
        self._board = self._start("run")

    def stop_board(self) -> None:
        self._board.terminate()
        assert self._board.wait(20) == 0

    def close(self) -> None:
        for process in (self._panel, self._board):
            process.terminate()
            process.wait(20)
        self._log.close()

    def ask(self, *order) -> dict:
        return service.ask(self.port, list(order))

    def level(self, signal: str) -> int:
        return self.ask("news", {})["world"]["levels"][signal]

    def wait_level(self, signal: str, level: int) -> None:
        """An order of the panel's reaches the board a little later than it is drawn."""
        deadline = time.monotonic() + 10
        while self.level(signal) != level:
            assert time.monotonic() < deadline, f"{signal} does not become {level}"
            time.sleep(0.02)  # the board can only be asked


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    desk = Desk(tmp_path_factory.mktemp("desk"))
    yield desk
    desk.close()


@pytest.fixture(scope="module")
def new_tab(desk, browser):
    """A function that opens the panel in a tab of its own; what a tab asks of other hosts, or fails at, is an error."""
    wrong: list[str] = []
    contexts = []

    def opened(**options):
        contexts.append(browser.new_context(viewport={"width": 1440, "height": 960}, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(_PATIENCE_MS)
        page.on("request", lambda request: wrong.extend(_foreign(request.url)))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        _open(page, desk.url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong


@pytest.fixture(scope="module")
def tab(new_tab):
    return new_tab()


_PATIENCE_MS = 15_000
_LOCAL = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")


def _foreign(url: str) -> list[str]:
    return [] if url.startswith(_LOCAL) else [f"asks for {url}"]


def _open(page, url: str) -> None:
    page.goto(url)
    page.wait_for_selector(".diagram svg")
