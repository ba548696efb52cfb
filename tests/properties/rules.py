"""What must hold in every life, by the specification. A rule is a function of what was observed and of the device's own
tables (`tests.diagram.device_tables`), and yields its violations: when, and in words.
"""

from collections.abc import Callable, Iterator

from tests.properties import rules_of_heat as heat
from tests.properties import rules_of_keys as keys
from tests.properties.observed import Broken, Decision, Observed, Span

_HOUR_US = 3_600_000_000
_STARTING_US = 600_000  # from the wake-up until cell and temperature have been measured, three tries at most
_STALE_US = 1_000_000  # a BQ27427 measures once a second
_TIMER_STARTS = 7  # in an hour, every 10 min


def records_have_a_session(o: Observed, tables: dict) -> Iterator[Broken]:
    """No RECORD without a session folder on the card."""
    told = [(line.t, line.text.split()[-1]) for line in o.trace.lines if " recording /" in line.text]
    for span in o.within("RECORD"):
        folders = {folder for t_us, folder in told if span.start_us <= t_us <= span.end_us}
        if span.s > 1 and not folders & o.sessions:
            yield span.end_us, f"{span} has no session on the card, and in the log {folders or 'none'}"


def ways_are_in_the_tables(o: Observed, tables: dict) -> Iterator[Broken]:
    ways = {
        (source, " ".join(map(str, trigger)), target) for source, trigger, target, *_ in tables["transitions"]
    }
    for way in o.ways:
        if (way.source, way.trigger, way.target) not in ways:
            yield way.t_us, f"{way} is not in the app's table"
    rows = {(row, state) for row, state, _ in tables["rows"]}
    for decision in o.decisions:
        if (decision.row, decision.state) not in rows:
            yield decision.start_us, f"{decision} is not in the SPL's table"


def ways_follow_each_other(o: Observed, tables: dict) -> Iterator[Broken]:
    """A state is left by a way that begins in it, and the app starts in the state that the SPL decided."""
    for way in o.ways:
        if not any(span.what == way.source and span.start_us <= way.t_us <= span.end_us for span in o.states):
            yield way.t_us, f"{way} does not begin in the state that there was"
    started = {o.start_us(t_us): state for t_us, state in o.starts}
    for decision in o.decisions:
        if started.get(decision.start_us, decision.state) != decision.state:
            yield decision.start_us, f"{decision}, but the app started in {started[decision.start_us]}"


def starts_are_safe(o: Observed, tables: dict) -> Iterator[Broken]:
    """Over 3.400 V and under 55.0 C; into DISCHARGE over 3.600 V, at 55.0 C or more."""
    for decision in o.decisions:
        if decision.state != "OFF" and not _safe(o, decision):
            yield decision.start_us, f"{decision} is not safe"


def _safe(o: Observed, decision: Decision) -> bool:
    """At some moment of the start."""
    over_mv, hot = (3600, True) if decision.state == "DISCHARGE" else (3400, False)
    return any(
        (s.cell_mv > over_mv - heat.STEP_MV or s.fault == "frozen")
        and (s.temp_c >= 55 - heat.STEP_C if hot else s.temp_c < 55 + heat.STEP_C)
        for s in o.during(decision.start_us - _STALE_US, decision.start_us + _STARTING_US)
    )


def no_wake_loop(o: Observed, tables: dict) -> Iterator[Broken]:
    """A start has a cause: two a press at most, a battery put in, a rise of the event line, or the timer."""
    boots = [boot.t for boot in o.trace.boots]
    causes = [hold.start_us for hold in o.holds for _ in range(2)]
    causes += [t_us for t_us, signal, level in o.levels if signal == "PWR_SW4" and level]
    causes += [boot.t for boot in o.trace.boots if boot.cause == "power"]
    for first_us in boots:
        hour = Span(first_us, first_us + _HOUR_US)
        count = sum(t_us in hour for t_us in boots)
        if count > _TIMER_STARTS + sum(t_us in hour for t_us in causes):
            yield hour.end_us, f"{count} starts in the hour from {first_us / 1e6:.3f} s"
            return


def no_watchdog(o: Observed, tables: dict) -> Iterator[Broken]:
    for boot in o.trace.boots:
        if boot.end == "wdt":
            yield boot.t, f"it ended the program that started at {boot.t / 1e6:.3f} s"


def no_fault_of_the_program(o: Observed, tables: dict) -> Iterator[Broken]:
    """No traceback, and no reset of its own."""
    for line in o.trace.lines:
        if "Traceback" in line.text or (" reset: " in line.text and "forced by key" not in line.text):
            yield line.t, f"{line.text} at {line.t / 1e6:.3f} s"


RULES: tuple[Callable[[Observed, dict], Iterator[Broken]], ...] = (
    heat.load_is_off_in_heat,
    heat.load_is_off_when_empty,
    heat.load_only_in_discharge,
    heat.load_is_off_without_a_reading,
    heat.unreadable_discharge_ends,
    heat.frozen_discharge_ends,
    heat.empty_goes_off,
    heat.recordings_stay_cool,
    heat.dwells_are_long_enough,
    heat.dwells_end_in_discharge,
    heat.discharges_end_at_their_target,
    keys.starts_are_meant,
    keys.ways_by_key_were_held,
    keys.holds_are_answered,
    records_have_a_session,
    ways_are_in_the_tables,
    ways_follow_each_other,
    starts_are_safe,
    no_wake_loop,
    no_watchdog,
    no_fault_of_the_program,
)


def violations(o: Observed, tables: dict) -> list[Broken]:
    """All of them, each under the name of its rule, in order of time."""
    return sorted((t_us, f"{rule.__name__}: {words}") for rule in RULES for t_us, words in rule(o, tables))
