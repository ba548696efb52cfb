"""What a trace holds, and that a board which is done the same to does the same."""

import json

import pytest

from tools.virtual import trace as traces
from tools.virtual.board import VirtualBoard
from tools.virtual.log import Change, change, last_state
from tools.virtual.signals import signals
from tools.virtual.trace import Trace, replay


@pytest.fixture
def file(life, tmp_path):
    path = tmp_path / "life.jsonl"
    life.trace.save(path)
    return path


def test_a_file_brings_back_all_of_it(life, file):
    assert Trace.load(file) == life.trace
    head, *happened = (json.loads(line) for line in file.read_text().splitlines())
    assert head["fieldrec_trace"] == 1 and head["options"]["seed"] == 7
    assert [record["t"] for record in happened] == sorted(record["t"] for record in happened)


def test_a_replay_gives_the_same_edges_and_lines(life, file, tmp_path, flash_files):
    VirtualBoard.create(tmp_path / "again", flash_files)
    with replay(file, tmp_path / "again") as board:
        assert board.edges == life.board.edges and board.lines == life.board.lines
        assert life.trace.difference(Trace.of(board)) == ""


def test_what_another_board_does_differently_is_told(life, file, tmp_path, flash_files):
    VirtualBoard.create(tmp_path / "other", flash_files)
    file.write_text(file.read_text().replace('["press", ["PWR_SW2", 1300', '["press", ["PWR_SW2", 900'))
    with replay(file, tmp_path / "other") as board:
        assert '["press", ["PWR_SW2", 1300' in life.trace.difference(Trace.of(board))


def test_a_foreign_file_is_refused(file):
    file.write_text('{"seed": 1}\n')
    with pytest.raises(ValueError, match="no trace of version 1"):
        Trace.load(file)


def test_what_did_not_come_by_an_order_is_not_replayed(tmp_path, flash_files):
    with VirtualBoard.create(tmp_path / "board", flash_files) as board:
        board.power_on()
        Trace.of(board).save(tmp_path / "part.jsonl")
    with pytest.raises(ValueError, match=r"power_on came 1 times and only 0 by board\.do"):
        replay(tmp_path / "part.jsonl", tmp_path / "board")


def test_the_newest_edges_and_lines_are_kept(life, monkeypatch):
    monkeypatch.setattr(traces, "MOST", 3)
    short = Trace.of(life.board)
    assert short.edges == life.trace.edges[-3:] and short.lines == life.trace.lines[-3:]
    assert short.orders == life.trace.orders


def test_a_line_has_the_worlds_time(life):
    lines = {line.text.split(" ", 1)[-1]: line for line in life.trace.lines}
    start = next(boot for boot in life.trace.boots if boot.cause == "wake")
    recording = next(line for text, line in lines.items() if text.startswith("recording "))
    led = next(edge for edge in life.trace.edges if edge.signal == "LED_REC")
    assert recording.exact and abs(recording.t - led.t) < 100_000
    assert recording.t == start.t + int(float(recording.text.split()[0]) * 1000) * 1000
    decided = next(line for line in life.trace.lines if "-> RECORD" in line.text)
    assert not decided.exact and start.t < decided.t <= recording.t


def test_times_hold_where_ticks_wrap(tmp_path, flash_files):
    board = VirtualBoard.create(tmp_path / "board", flash_files)
    board.ticks_offset_us = ((1 << 30) - 3000) * 1000
    with board:
        board.do("schedule", 0, "USB", True)
        board.do("power_on")
        board.run_for(20_000)
        board.do("press", "PWR_SW1", 1200)
        board.run_for(2000)
        changed = [line for line in Trace.of(board).lines if "IDLE -> IDLE" in line.text]
    assert 21_200_000 <= changed[0].t < 21_300_000


def test_the_signals_of_a_life(life):
    seen = signals(life.trace)
    press_us = next(order.t for order in life.trace.orders if order.command == "press")
    assert next(t for t, level in seen["PWR_SW2"].points if level == 0) == press_us
    assert seen["PWR_SW4"].points[-1] == (next(o.t for o in life.trace.orders if o.arguments == (58,)), 1)
    states = [state for _, state in seen["state"].points]
    assert states == ["SPL", "OFF", "SPL", "RECORD", "IDLE", "DISCHARGE", "OFF", "SPL", "OFF"]
    assert [power for _, power in seen["power"].points] == ["on", "off", "on", "dead", "on", "off"]
    assert seen["temp_c"].points[-1][1] == pytest.approx(life.board.world.temp_c, abs=0.06)
    assert seen["cell_mv"].points[-1][1] == pytest.approx(life.board.world.cell_mv(), abs=1.1)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("1.000 state IDLE -> RECORD (PWR_SW2 1000)", Change("IDLE", "RECORD", "PWR_SW2 1000")),
        ("spl: row 9 -> OFF - power-on - 3900 mV 250 dC ", Change("SPL", "OFF", "row 9: power-on")),
        ("spl: slot a 1.0.0", None),
        ("1.000 recording /sd/REC/1", None),
    ],
)
def test_a_line_tells_a_change(line, told):
    assert change(line) == told


def test_the_last_state_is_the_one_that_was_told_last():
    assert last_state(["spl: row 9 -> IDLE - x", "1.0 state IDLE -> RECORD (y)", "z"]) == "RECORD"
    assert last_state(["spl: row 9 -> IDLE - x", "spl: RECOVERY: no slot boots; z"]) == "RECOVERY"
    assert last_state([]) == ""
