"""Keys (sections 2 and 4 of the specification), as rules over a life: no press is taken for another, none is lost."""

from collections.abc import Iterator

from tests.properties.observed import BOUNCE_US, Broken, Observed, Span, Way
from tools.virtual.wiring import WAKE_TO_CODE_US

_EXACT_US = 5000  # to which a hold is measured
_ANSWER_US = 500_000  # debounce, a cue that goes on, a card that stalls the interpreter
_STUCK_S = 20  # from here on the processor sleeps with the key down, and looks after it once a second
_STUCK_ANSWER_US = _ANSWER_US + 1_000_000
_UNSEEN_US = WAKE_TO_CODE_US  # of two presses nearer than this no code sees which one woke the board
_FORCE_RESET_MS = 15_000  # fires while held
# row of the SPL: (key, ms, whether it was held for so long or let go before)
_STARTS = {
    5: ("PWR_SW1", 1500, False),
    6: ("PWR_SW2", 1000, False),
    7: ("PWR_SW1", 1500, True),
    8: ("PWR_SW2", 1000, True),
}


def starts_are_meant(o: Observed, tables: dict) -> Iterator[Broken]:
    """The key that woke the board was held for long enough from its press, and only then it starts."""
    for decision in o.decisions:
        if decision.row in _STARTS:
            key, ms, long_enough = _STARTS[decision.row]
            woke_us = decision.start_us
            holds = [h for h in o.holds if h.start_us <= woke_us + _UNSEEN_US and h.end_us > woke_us]
            if long_enough:
                meant = any(h.what == key and h.end_us - woke_us >= ms * 1000 - _EXACT_US for h in holds)
            else:  # a bounce wakes it too; of two presses nothing tells which it was
                bounced = any(h.what == key and woke_us - BOUNCE_US <= h.end_us <= woke_us for h in o.holds)
                meant = bounced or not holds or any(h.s * 1e6 < ms * 1000 + _EXACT_US for h in holds)
            if not meant:
                yield woke_us + ms * 1000, f"{decision}: {', '.join(map(str, holds)) or 'nothing was held'}"


def ways_by_key_were_held(o: Observed, tables: dict) -> Iterator[Broken]:
    """The hold reached the threshold of what it did, and not the next one."""
    for way in o.ways:
        key, _, ms = way.trigger.partition(" ")
        held = (hold for hold in o.holds if hold.what == key)
        if key.startswith("PWR_") and not any(_fits(hold, way, int(ms), tables) for hold in held):
            yield way.t_us, f"{way}, without such a hold"


def _fits(hold: Span, way: Way, ms: int, tables: dict) -> bool:
    due_us = hold.start_us + ms * 1000 if ms == _FORCE_RESET_MS else hold.end_us
    later = [t for t in _thresholds(tables, way.source, hold.what) if t > ms]
    too_long = bool(later) and hold.s * 1e6 >= later[0] * 1000 + _EXACT_US
    long_enough = hold.s * 1e6 >= ms * 1000 - _EXACT_US
    return long_enough and not too_long and -_EXACT_US <= way.t_us - due_us <= _answer_us(hold)


def holds_are_answered(o: Observed, tables: dict) -> Iterator[Broken]:
    """A hold that begins and ends in a state does what the table says; too close to a bound, it may do either."""
    for state in o.awake:
        for hold in o.holds:
            if state.start_us + 1_000_000 < hold.start_us < state.end_us:
                ms, due_us = _due(hold, _thresholds(tables, state.what, hold.what))
                until_us = due_us + _answer_us(hold)
                over = state.end_us >= until_us
                if ms and over and not _answered(o, f"{hold.what} {ms}", due_us, until_us):
                    yield due_us, f"{hold} in {state.what} was not answered by {ms} ms"


def _due(hold: Span, thresholds: list[int]) -> tuple[int, int]:
    """(the threshold that it reached, when it has to act); threshold 0 for none."""
    held_us = hold.s * 1e6
    if any(abs(held_us - ms * 1000) < _EXACT_US for ms in thresholds):
        return 0, 0
    ms = max((ms for ms in thresholds if ms * 1000 <= held_us), default=0)
    return ms, hold.start_us + ms * 1000 if ms == _FORCE_RESET_MS else hold.end_us


def _answered(o: Observed, trigger: str, due_us: int, until_us: int) -> bool:
    return any(w.trigger == trigger and due_us - _EXACT_US <= w.t_us <= until_us for w in o.ways)


def _answer_us(hold: Span) -> int:
    return _ANSWER_US if hold.s < _STUCK_S else _STUCK_ANSWER_US


def _thresholds(tables: dict, state: str, key: str) -> list[int]:
    return sorted(t[1] for source, t, *_ in tables["transitions"] if source == state and t[0] == key)
