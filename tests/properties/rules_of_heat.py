"""Battery and heat (sections 3 and 5 of the specification), as rules over a life.

Cell and temperature are sampled once a second, and a decision is taken on the median of five samples: a step of the
world counts from the third. The thermistor is read in steps of about 0.1 C, the cell in steps of 1 mV.
"""

from collections.abc import Callable, Iterator

from tests.properties.observed import Broken, Observed, Span, both
from tests.properties.weather import Sample

_MEDIAN_S = 3.1  # three samples and the time that they take
_JUMP_S = 3.0  # a step of over 10 C is a fault until three samples confirm it
STEP_C, STEP_MV = 0.15, 1.0
_LOAD_PERIOD_S = 60.0
# faults of the gauge with which it can be read; who it is, is asked when the bus is opened, not at each sample
_LYING = ("", "frozen", "waking", "wrong_part")
_TARGETS_MV = {"dwell long": 4000, "dwell short": 3800}


def readable(s: Sample) -> bool:
    """Gauge and thermistor tell the truth; this one is open under -26 C and short over 113 C."""
    return s.fault == "" and -25 < s.temp_c < 112


def load_is_off_in_heat(o: Observed, tables: dict) -> Iterator[Broken]:
    """The load is off at 80.0 C."""
    for span in both(o.loaded, o.when(lambda s: s.temp_c >= 80 + STEP_C)):
        if span.s > _MEDIAN_S:
            yield span.end_us, f"the load was on at 80 C or more{span}"


def load_is_off_when_empty(o: Observed, tables: dict) -> Iterator[Broken]:
    """3.600 V ends in OFF. It is looked at after a rest: the rest of a period of load may be, or one just begun."""
    for low in o.when(lambda s: s.ocv_mv < 3600 - STEP_MV and readable(s)):
        loaded_s = sum(span.s for span in both([low], o.loaded))
        if loaded_s > _LOAD_PERIOD_S + 1:
            yield low.end_us, f"the load was on for {loaded_s:.1f} s with the cell under 3.600 V{low}"


def load_only_in_discharge(o: Observed, tables: dict) -> Iterator[Broken]:
    for span in o.loaded:
        inside_s = sum(part.s for part in both([span], o.within("DISCHARGE")))
        if span.s - inside_s > 0.1:
            yield span.end_us, f"the load was on outside of DISCHARGE{span}"


def load_is_off_without_a_reading(o: Observed, tables: dict) -> Iterator[Broken]:
    """It is off on any sensor fault: at the next sample."""
    for span in both(o.loaded, o.when(lambda s: s.fault not in _LYING)):
        if span.s > 1.2:
            yield span.end_us, f"the load was on without a reading of the gauge{span}"


def unreadable_discharge_ends(o: Observed, tables: dict) -> Iterator[Broken]:
    """DISCHARGE with the gauge unreadable for 30 s is OFF."""
    for span in both(o.within("DISCHARGE"), o.when(lambda s: s.fault not in _LYING)):
        if span.s > 30 + 2:
            yield span.end_us, f"no reading of the gauge in {span}"


def frozen_discharge_ends(o: Observed, tables: dict) -> Iterator[Broken]:
    """A value that stands still while the load is switched is a fault too, after two periods of it."""
    for span in both(o.within("DISCHARGE"), o.when(lambda s: s.fault == "frozen")):
        if span.s > 4 * _LOAD_PERIOD_S + 30:
            yield span.end_us, f"the gauge's value stood still in {span}"


def empty_goes_off(o: Observed, tables: dict) -> Iterator[Broken]:
    """batt <= 3.400 V, as the gauge reads it, for 10 s, whatever the thermistor says."""
    for span in both(o.awake, o.when(lambda s: s.fault == "" and s.cell_mv <= 3400)):
        if span.s > 10:
            yield span.end_us, f"the cell was empty in {span}"


def recordings_stay_cool(o: Observed, tables: dict) -> Iterator[Broken]:
    """temp >= 60.0 C ends RECORD; the first median needs five samples."""
    for span in both(o.within("RECORD"), o.when(lambda s: s.temp_c >= 60 + STEP_C and readable(s))):
        if span.s > 6 + _JUMP_S:
            yield span.end_us, f"too hot in {span}"


def dwells_are_long_enough(o: Observed, tables: dict) -> Iterator[Broken]:
    """DISCHARGE by a dwell: for so long neither 1.0 C nor 20 mV under its bound."""
    for name, decic, mv, for_s, _ in tables["dwells"]:
        broken = o.when(_under(decic / 10 - 1 - STEP_C, mv - 20 - STEP_MV))
        for way in o.ways:
            before = Span(way.t_us - int((for_s - 2) * 1e6), way.t_us)
            breaks = both([before], broken) if way.trigger == f"dwell {name}" else []
            for span in breaks:
                if span.s > _MEDIAN_S:
                    yield way.t_us, f"{way}, with a break{span}"


def dwells_end_in_discharge(o: Observed, tables: dict) -> Iterator[Broken]:
    """IDLE, over both bounds for so long without a break, is left."""
    for name, decic, mv, for_s, _ in tables["dwells"]:
        under = _under(decic / 10 + STEP_C, mv + STEP_MV)
        dwelt = o.when(lambda s, under=under: readable(s) and not under(s))  # type: ignore[misc]
        for span in both(o.within("IDLE"), dwelt):
            if span.s > for_s + 10:
                yield span.end_us, f"no discharge by the dwell {name} in {span}"


def discharges_end_at_their_target(o: Observed, tables: dict) -> Iterator[Broken]:
    """With the cell at rest at the rule's target, or at 3.600 V."""
    target_mv = 3600
    for way in o.ways:
        target_mv = _TARGETS_MV.get(way.trigger, 3600) if way.target == "DISCHARGE" else target_mv
        most_mv = {"target reached": target_mv, "target shutdown": 3600}.get(way.trigger, 9999) + STEP_MV
        seen = o.during(way.t_us - int((_MEDIAN_S + 1) * 1e6), way.t_us)
        if not any(s.ocv_mv <= most_mv or s.fault == "frozen" for s in seen):
            yield way.t_us, f"{way}, with the cell at {seen[-1].ocv_mv:.0f} mV"


def _under(c: float, mv: float) -> Callable[[Sample], bool]:
    return lambda s: readable(s) and (s.temp_c < c or s.ocv_mv < mv)
