"""docs/state-machine.mmd is executable: neither it nor the tables can drift."""

import pytest

from tests.diagram.arrows import Arrow, read
from tests.diagram.compare import differences
from tools.release_build import PROJECT

TEXT = (PROJECT / "docs/state-machine.mmd").read_text()


def test_diagram_and_tables_say_the_same():
    assert differences(read(TEXT)) == []


def test_off_is_left_by_the_wake_signals_of_the_diagram(rig):
    """What is armed in deep sleep is what the arrows from OFF say."""
    arrows = [arrow for arrow in read(TEXT) if arrow.source == "OFF"]
    named = {
        name
        for arrow in arrows
        for name in (("PWR_SW1", "PWR_SW2") if "any_key" in arrow.facts else (arrow.facts["key"],))
    }
    armed = rig.board.wake_signals
    assert armed == named == {"PWR_SW1", "PWR_SW2", "PWR_SW4"}


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("Batt <= 3.4V", "Batt <= 3.3V", "3.3V"),
        ("Batt <= 3.4V OR Temp >= 55C", "Batt <= 3.4V OR Temp >= 54C", "54C"),
        ("PWR_SW1 Released < 1.5s", "PWR_SW1 Released < 1.4s", "1.4s"),
        ("PWR_SW2 Released < 1s", "PWR_SW2 Released < 2s", "2s"),
        ("PWR_SW2 Valid (Auto-Record)", "PWR_SW1 Valid (Auto-Record)", "Auto-Record"),
        ("(>4hr)", "(>3hr)", ">3hr"),
        ("(>10min)", "(>11min)", ">11min"),
        ("Batt >= 3.9V", "Batt >= 3.8V", "3.8V"),
        ("Target 3.6V", "Target 3.5V", "3.5V"),
        ("PWR_SW1 Hold 5s", "PWR_SW1 Hold 6s", "Hold 6s"),
        ("PWR_SW1 Hold 15s", "PWR_SW1 Hold 14s", "Hold 14s"),
        (
            "IDLE --> RECORD : PWR_SW2 Press 1s",
            "IDLE --> OFF : PWR_SW2 Press 1s",
            "IDLE --> OFF : PWR_SW2 Press 1s",
        ),
    ],
)
def test_a_number_that_differs_is_named(old, new, named):
    assert old in TEXT
    assert any(named in words for words in differences(read(TEXT.replace(old, new))))


def test_an_arrow_that_is_missing_or_too_many_is_named():
    arrows = read(TEXT)
    for arrow in (a for a in arrows if a.source not in ("OFF",)):
        assert differences([a for a in arrows if a != arrow]), f"{arrow} is not missed"
    extra = Arrow("RECORD", "OFF", "PWR_SW1 Hold 5s (Power Off)")
    assert differences([*arrows, extra]) == [f"arrow {extra} has no row in the app"]


def test_a_label_that_says_nothing_known_is_an_error():
    with pytest.raises(ValueError, match="Moon"):
        differences([*read(TEXT), Arrow("IDLE", "OFF", "Full Moon")])
