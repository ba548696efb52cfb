"""`fieldrec board` on a board that runs: its state, its log, its trace."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from tools.cli import main
from tools.virtual import service
from tools.virtual.trace import Trace


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    new = service.NewDevice("dev-0001", "", None, "", None)
    with service.running(
        service.Request(folder / "data", folder / "b", new, 1.0), lambda line: None
    ) as running:
        assert asked(running.port, "state") == "IDLE"
        yield running


@pytest.fixture
def port(running):
    return running.port


def asked(port: Path, name: str) -> object:
    """An entry of the board's status, once its log is there."""
    seen = 0
    while "app 1.0.0" not in "".join(news := service.ask(port, ["log", seen])["lines"]):
        seen += len(news)
    return service.ask(port, ["status"])[name]


def board(*words: object) -> str:
    result = CliRunner().invoke(main, ["board", *map(str, words)])
    assert result.exit_code == 0, result.output
    return result.output


def refused(*words: object) -> str:
    result = CliRunner().invoke(main, ["board", *map(str, words)])
    assert result.exit_code == 1
    return result.output


def test_status_says_the_state(port):
    assert "state        IDLE" in board("status", "--port", port)


def test_orders_and_edges_are_on_one_clock(port, tmp_path):
    """The light of the key's cue comes when the key was held for a second by the trace."""
    board("press", "PWR_SW1", "--ms", 1100, "--port", port)
    board("trace", "--port", port, "--out", tmp_path / "t.jsonl", "--seconds", 1.5)
    trace = Trace.load(tmp_path / "t.jsonl")
    press = next(order for order in trace.orders if order.command == "press")
    cue = next(edge for edge in trace.edges if edge.signal == "HAPTIC" and edge.t > press.t)
    assert 900_000 < cue.t - press.t < 1_300_000


def test_presses_come_one_after_the_other(port):
    """A press is over when its command is: a script's next one is not lost in it."""
    said = len(service.ask(port, ["log", 0])["lines"])
    for _ in range(2):
        board("press", "PWR_SW1", "--ms", 1100, "--port", port)
    end = time.monotonic() + 10
    while "".join(service.ask(port, ["log", said])["lines"]).count("state IDLE -> IDLE (PWR_SW1 1000)") < 2:
        assert time.monotonic() < end


@pytest.mark.parametrize(
    ("name", "begins"), [("t.vcd", "$date"), ("t.svg", "<svg"), ("t.txt", "s "), ("t.jsonl", "{")]
)
def test_the_ending_says_the_kind(port, tmp_path, name, begins):
    assert f"{name}:" in board("trace", "--port", port, "--out", tmp_path / name)
    assert (tmp_path / name).read_text().startswith(begins)


def test_the_log_so_far(port):
    assert "spl: row 9 -> IDLE" in board("log", "--port", port)


def test_a_new_board_has_a_pin_and_a_page(running):
    assert len(running.pin) == 8 and running.pin.isdigit()
    service.ask(running.port, ["press", "PWR_SW1", 3200])
    said: list[str] = []
    end = time.monotonic() + 30
    while "local page: open" not in "".join(said):
        assert time.monotonic() < end, "\n".join(said)
        said += service.ask(running.port, ["log", len(said)])["lines"]
    with httpx.Client(base_url=running.page_url, timeout=10) as client:
        token = {"X-CSRF": client.get("/api/hello").json()["csrf"]}
        assert client.post("/api/login", json={"pin": running.pin}, headers=token).status_code == 200


def test_the_log_live(port):
    command = [Path(sys.executable).parent / "fieldrec", "board", "log", "--follow", "--port", port]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "spl: row 9 -> IDLE" in process.stdout.readline()
        service.ask(port, ["press", "PWR_SW1", 1100])
        while "state IDLE -> IDLE" not in process.stdout.readline():
            continue
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_what_is_wrong_is_said(port, tmp_path):
    assert "must end in one of .vcd" in refused("trace", "--port", port, "--out", "t.png")
    assert "No such file or directory" in refused("trace", "--port", port, "--out", tmp_path / "no" / "t.vcd")
    assert "is the board plugged in" in refused("log", "--port", tmp_path / "nothing")
    assert "no board runs at" in refused("press", "PWR_SW1", "--port", tmp_path / "nothing")
    assert "end it first" in refused("card", tmp_path / "card", "--port", port)
    assert "no virtual board's folder" in refused("card", tmp_path / "card", "--port", tmp_path / "nothing")
    assert "has power already" in refused("power", "true", "--port", port)
