"""Each rule is broken by a trace that breaks it, and by none that doesn't."""

import pytest

from tests.diagram.compare import tables
from tests.properties.observed import Observed
from tests.properties.rules import RULES, violations
from tests.properties.weather import Sample
from tools.virtual.trace import Boot, Edge, Line, Order, Trace

S = 1_000_000
HOUR = 3600 * S
GOOD = Sample(0, 25.0, 3900.0, 3900.0)


@pytest.fixture(scope="module")
def device() -> dict:
    return tables([])


def seen(
    *texts, end_s=24 * 3600, load=(), weather=(), levels=(), sessions=(), boots=((0, "power", "", "cut"),)
):
    """Log lines (s, text), load (s, duty), weather (s, temp_c, ocv_mv[, fault]), levels (s, key, level)."""
    lines = [Line(int(s * S), text, True) for s, text in texts]
    edges = [Edge(int(s * S), "LOAD", duty) for s, duty in load]
    starts = [Boot(int(boot[0] * S), *boot[1:]) for boot in boots]
    samples = [GOOD] + [Sample(int(s * S), c, mv, mv, *fault) for s, c, mv, *fault in weather]
    end = Order(end_s * S, "cut_power", ())
    trace = Trace({"seed": 1}, {}, [Order(0, "power_on", ()), end], edges, lines, starts, end_s * S)
    return Observed(
        trace, samples, [(int(s * S), signal, level) for s, signal, level in levels], set(sessions)
    )


def idle(at_s=2.5):
    return (at_s, f"{at_s:.3f} app 1.0.0 in slot a, state IDLE")


def way(at_s, source, target, trigger):
    return (at_s, f"{at_s:.3f} state {source} -> {target} ({trigger})")


def hold(key, start_s, s):
    return (start_s, key, 0), (start_s + s, key, 1)


DISCHARGING = (idle(), way(10_000, "IDLE", "DISCHARGE", "dwell short"))
HOT = (5, 70.0, 3950.0)
RECORDING = (idle(), way(10, "IDLE", "RECORD", "PWR_SW2 1000"))
TO_RECORD = hold("PWR_SW2", 9, 1)
WOKEN = ((0, "power", "", "deepsleep"), (100, "wake", "ext1", "cut"))

# (the rule, a trace that breaks it, one that is next to it and does not)
CASES = {
    "load_is_off_in_heat": (
        seen(*DISCHARGING, load=[(10_000, 65535), (10_010, 0)], weather=[HOT, (10_005, 80.2, 3950.0)]),
        seen(*DISCHARGING, load=[(10_000, 65535), (10_008, 0)], weather=[HOT, (10_005, 80.2, 3950.0)]),
    ),
    "load_is_off_when_empty": (
        seen(*DISCHARGING, load=[(10_000, 65535), (10_070, 0)], weather=[HOT, (10_005, 70.0, 3598.0)]),
        seen(*DISCHARGING, load=[(10_000, 65535), (10_060, 0)], weather=[HOT, (10_005, 70.0, 3598.0)]),
    ),
    "load_only_in_discharge": (seen(idle(), load=[(50, 65535), (51, 0)]), seen(idle(), load=[(50, 0)])),
    "load_is_off_without_a_reading": (
        seen(
            *DISCHARGING, load=[(10_000, 65535), (10_007, 0)], weather=[HOT, (10_005, 70.0, 3950.0, "nack")]
        ),
        seen(
            *DISCHARGING, load=[(10_000, 65535), (10_006, 0)], weather=[HOT, (10_005, 70.0, 3950.0, "nack")]
        ),
    ),
    "unreadable_discharge_ends": (
        seen(*DISCHARGING, weather=[HOT, (10_005, 70.0, 3950.0, "ones"), (10_045, 70.0, 3950.0)]),
        seen(*DISCHARGING, weather=[HOT, (10_005, 70.0, 3950.0, "ones"), (10_030, 70.0, 3950.0)]),
    ),
    "frozen_discharge_ends": (
        seen(*DISCHARGING, weather=[HOT, (10_005, 70.0, 3950.0, "frozen"), (10_345, 70.0, 3950.0)]),
        seen(*DISCHARGING, weather=[HOT, (10_005, 70.0, 3950.0, "frozen"), (10_130, 70.0, 3950.0)]),
    ),
    "empty_goes_off": (
        seen(idle(), weather=[(50, 25.0, 3400.0), (61, 25.0, 3401.0)]),
        seen(idle(), weather=[(50, 25.0, 3400.0), (59, 25.0, 3401.0)]),
    ),
    "recordings_stay_cool": (
        seen(*RECORDING, weather=[(50, 60.2, 3900.0), (61, 25.0, 3900.0)], levels=TO_RECORD),
        seen(*RECORDING, weather=[(50, 60.2, 3900.0), (55, 25.0, 3900.0)], levels=TO_RECORD),
    ),
    "dwells_are_long_enough": (
        seen(*DISCHARGING, weather=[HOT, (9_500, 67.0, 3950.0), (9_510, 70.0, 3950.0)]),
        seen(*DISCHARGING, weather=[HOT, (9_500, 68.2, 3950.0), (9_510, 70.0, 3950.0)]),
    ),
    "dwells_end_in_discharge": (
        seen(idle(), weather=[HOT, (620, 60.0, 3950.0)]),
        seen(idle(), weather=[HOT, (600, 60.0, 3950.0)]),
    ),
    "discharges_end_at_their_target": (
        seen(*DISCHARGING, way(10_200, "DISCHARGE", "IDLE", "target reached"), weather=[(5, 70.0, 3950.0)]),
        seen(*DISCHARGING, way(10_200, "DISCHARGE", "IDLE", "target reached"), weather=[(5, 70.0, 3800.0)]),
    ),
    "starts_are_meant": (
        seen((101.5, "spl: row 7 -> IDLE - x"), boots=WOKEN, levels=hold("PWR_SW1", 100, 1.4)),
        seen((101.5, "spl: row 7 -> IDLE - x"), boots=WOKEN, levels=hold("PWR_SW1", 100, 1.5)),
    ),
    "ways_by_key_were_held": (
        seen(*RECORDING, levels=hold("PWR_SW2", 9.1, 0.9)),
        seen(*RECORDING, levels=TO_RECORD),
    ),
    "holds_are_answered": (
        seen(idle(), levels=hold("PWR_SW2", 9, 1.1)),
        seen(idle(), levels=hold("PWR_SW2", 9, 0.9)),
    ),
    "records_have_a_session": (
        seen(*RECORDING, (10.1, "10.100 recording /sd/REC/1"), sessions=["/sd/REC/2"]),
        seen(*RECORDING, (10.1, "10.100 recording /sd/REC/1"), sessions=["/sd/REC/1"]),
    ),
    "ways_are_in_the_tables": (
        seen(idle(), way(10, "IDLE", "DISCHARGE", "whim")),
        seen(idle(), way(10, "IDLE", "DISCHARGE", "dwell long")),
    ),
    "ways_follow_each_other": (
        seen(idle(), way(10, "RECORD", "IDLE", "storage failed")),
        seen(*RECORDING, way(11, "RECORD", "IDLE", "storage failed")),
    ),
    "starts_are_safe": (
        seen((101, "spl: row 7 -> IDLE - x"), boots=WOKEN, weather=[(90, 55.2, 3900.0)]),
        seen((101, "spl: row 7 -> IDLE - x"), boots=WOKEN, weather=[(90, 54.9, 3401.0)]),
    ),
    "no_wake_loop": (
        seen(boots=[(s, "wake", "ext0", "deepsleep") for s in range(0, 90, 10)]),
        seen(boots=[(s, "wake", "timer", "deepsleep") for s in range(0, 86400, 600)]),
    ),
    "no_watchdog": (seen(boots=[(0, "power", "", "wdt")]), seen(boots=[(0, "power", "", "cut")])),
    "no_fault_of_the_program": (
        seen(idle(), (20, "Traceback (most recent call last):")),
        seen(idle(), (20, "20.000 reset: forced by key")),
    ),
}


def test_each_rule_has_its_cases():
    assert [rule.__name__ for rule in RULES] == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_bad_trace_breaks_its_rule_and_the_one_beside_it_does_not(name, device):
    bad, good = CASES[name]
    assert any(words.startswith(name + ":") for _, words in violations(bad, device))
    assert not [words for _, words in violations(good, device) if words.startswith(name + ":")]


def test_a_hold_begins_and_ends_with_the_first_edge_of_its_bounce():
    bounce = [(1, 0), (1.001, 1), (1.003, 0), (3, 1), (3.001, 0), (3.002, 1), (5, 0), (5.01, 1)]
    holds = seen(levels=[(s, "PWR_SW1", level) for s, level in bounce]).holds
    assert [(h.start_us / S, h.end_us / S) for h in holds] == [(1.0, 3.0)]
