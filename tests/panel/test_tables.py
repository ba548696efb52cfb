"""What the panel shows of the device's tables, against the diagram; and its plot, against the whole trace."""

from tests.diagram import arrows
from tools.panel import tables
from tools.panel.history import History
from tools.panel.parts import STATES
from tools.release_build import PROJECT
from tools.virtual import news
from tools.virtual.live import LiveBoard
from tools.virtual.signals import signals
from tools.virtual.trace import Trace

DRAWN = arrows.read((PROJECT / "docs/state-machine.mmd").read_text())


def test_ladders_have_the_holds_of_the_diagram():
    drawn = {(a.source, a.facts["key"], a.facts["hold_ms"]) for a in DRAWN if "hold_ms" in a.facts}
    drawn |= {("OFF", a.facts["key"], a.facts["released_ms"]) for a in DRAWN if "released_ms" in a.facts}
    ladders = tables.read().ladders
    shown = {(s, key, ms) for s, keys in ladders.items() for key, steps in keys.items() for ms, *_ in steps}
    assert drawn <= shown


def test_bounds_are_those_of_the_diagram():
    facts = [arrow.facts for arrow in DRAWN]
    volts = {f[name] / 1000 for f in facts for name in f if name.endswith("_mv")}
    celsius = {f["temp_min_decic"] / 10 for f in facts if "temp_min_decic" in f}
    assert {bound.at for bound in tables.read().volts} == volts
    assert celsius <= {bound.at for bound in tables.read().celsius}


def test_every_state_has_its_light():
    assert {arrow.target for arrow in DRAWN} - {"[*]"} <= {*STATES}


class Still(LiveBoard):
    """A board in virtual time, for what asks a live one."""

    def __init__(self, board):  # without a thread
        self.board = board

    def ping(self):
        pass

    def wait_for(self, condition, timeout_s, what):
        pass


def test_the_plot_is_a_window_on_the_trace(rig):
    board, history = rig.board, History()
    seen: dict = {}
    for step in range(300):
        if step == 5:
            board.do("press", "PWR_SW1", 1600)
        if step == 100:
            board.do("press", "PWR_SW2", 1100)
        board.run_for(100)
        told = news.news(Still(board), "run", seen)
        seen = told["seen"]
        history.take(told)
    whole = signals(Trace.of(board))
    for name in ("PWR_SW1", "PWR_SW2", "LED_STATE", "LED_REC", "HAPTIC"):
        window = whole[name].within(history.start_us, board.now_us)
        assert history.signals[name].points == window.points, name
        assert len(window.points) > (name != "PWR_SW1")
    assert [name for _, name in history.states.points] == ["OFF", "SPL", "IDLE", "RECORD"]
    assert board.now_us - history.start_us >= 20_000_000
