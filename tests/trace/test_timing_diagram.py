"""Timing diagrams of what is known exactly, and of a wait that failed."""

import xml.etree.ElementTree as ElementTree

import pytest

from tools.virtual import diagram, svg
from tools.virtual.board import BoardError, VirtualBoard
from tools.virtual.trace import Boot, Edge, Line, Order, Trace

DRAWN = r"""
s          0.000  1.000   2.500   2.600   3.000
                  +1.000  +1.500  +0.100
PWR_SW1    ▔▔▔▔▔▔▔\▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁/▔▔▔▔▔▔▔│
LED_STATE  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁/▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔│
state       OFF   │SPL    │IDLE           │
power       dead  │on                     │
steady: PWR_SW2 1, PWR_SW4 0, USB 0, CHARGER 0, LED_REC 0, HAPTIC 0, LOAD 0, cell_mv 3900.0, temp_c 25.0
       1.000  power_on
       1.000  press PWR_SW1 1600 True
       2.500  about SPL -> IDLE (row 7: PWR_SW1 held)
"""


@pytest.fixture
def known(tmp_path) -> Trace:
    """A press and a light."""
    empty = Trace.of(VirtualBoard(tmp_path))
    return empty._replace(
        orders=[Order(1_000_000, "power_on", ()), Order(1_000_000, "press", ("PWR_SW1", 1600, True))],
        boots=[Boot(1_000_000, "power", "", "")],
        lines=[Line(2_500_000, "spl: row 7 -> IDLE - PWR_SW1 held - 3900 mV", False)],
        edges=[Edge(2_500_300, "LED_STATE", 1)],
        end_us=3_000_000,
    )


def test_columns_are_aligned_and_chatter_is_one_edge(known):
    assert diagram.text(known, 0, known.end_us) == DRAWN.strip()


def test_only_the_last_columns_and_their_notes_are_shown(known):
    text = diagram.text(known, 0, known.end_us, most=2)
    assert text.startswith("s        2.500  2.600   3.000") and "power_on" not in text


def test_a_signal_that_is_asked_for_is_shown_though_it_is_steady(known):
    assert "\nLED_REC    ▁▁▁" in diagram.text(known, 0, known.end_us, ["LED_REC"])


def test_the_picture_is_xml_with_a_wave_for_each_bit(known):
    drawn = diagram.lay_out(known, 0, known.end_us)
    picture = ElementTree.fromstring(svg.render(drawn))
    waves = [path for path in picture.iter() if path.get("class") == "wave"]
    texts = [element.text for element in picture.iter() if element.tag.endswith("text")]
    assert len(waves) == 2
    assert {"PWR_SW1", "1.000 s", "IDLE", "2.500  about SPL -> IDLE (row 7: PWR_SW1 held)"} <= {*texts}


def test_a_wait_that_fails_shows_what_happened_around_it(rig):
    rig.press("PWR_SW1", 1400)
    with pytest.raises(BoardError) as failure:
        rig.expect("LED_STATE", 1, 3000)
    text = str(failure.value)
    assert text.startswith("LED_STATE = 1 did not come within 3000 ms")
    assert "press PWR_SW1 1400" in text and "SPL -> OFF (row 5: PWR_SW1 released early)" in text
    rows = {line.split()[0]: line for line in text.split("\n") if "│" in line}
    assert "\\▁" in rows["PWR_SW1"] and "▔" not in rows["LED_STATE"] and "OFF" in rows["state"]


def test_a_line_that_does_not_come_shows_it_too(rig):
    with pytest.raises(
        BoardError, match=r"a line with 'never' did not come within 500 ms(.|\n)*steady: PWR_SW1 1"
    ):
        rig.expect_line("never", 500)
