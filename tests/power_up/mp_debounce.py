from time import ticks_add

from board.debounce import Debouncer


def changes(contact, edges, quiet_ms=100):
    """Feed edges [(ms, down)] and return the changes that were settled."""
    found = [contact.edge(down, at) for at, down in edges]
    found.append(contact.settle(edges[-1][0] + quiet_ms))
    return [change for change in found if change]


def test_a_clean_press_and_release():
    assert changes(Debouncer(False, 0), [(100, True), (1600, False)]) == [
        ("down", 100, 100),
        ("up", 1600, 1500),
    ]


def test_bounce_neither_shortens_nor_lengthens():
    press = [(100, True), (103, False), (107, True), (115, False), (116, True)]
    release = [(1600, False), (1602, True), (1604, False), (1618, True), (1619, False)]
    assert changes(Debouncer(False, 0), press + release) == [("down", 100, 100), ("up", 1600, 1500)]


def test_a_glitch_is_no_press():
    assert changes(Debouncer(False, 0), [(100, True), (119, False)]) == []


def test_a_break_while_held_is_no_release():
    contact = Debouncer(True, 0)
    assert changes(contact, [(700, False), (715, True)]) == []
    assert contact.down and contact.since_ms == 0


def test_a_break_of_20_ms_is_a_release():
    assert changes(Debouncer(True, 0), [(700, False), (720, True)]) == [("up", 700, 700), ("down", 720, 20)]


def test_ticks_may_wrap_in_a_hold():
    period = ticks_add(0, -1) + 1  # type: ignore[type-var]  # of this interpreter; 0 is as good as any
    assert changes(Debouncer(False, period - 1000), [(period - 500, True), (1000, False)]) == [
        ("down", period - 500, 500),
        ("up", 1000, 1500),
    ]
