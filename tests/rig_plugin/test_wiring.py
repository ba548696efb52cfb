"""docs/rig.md against what it is about."""

from hil import wiring
from hil.rig import CAPABILITIES
from tests.house.tree import ROOT

TEXT = (ROOT / "docs/rig.md").read_text()


def test_the_wiring_table_is_what_both_pin_maps_say():
    assert wiring.table() in TEXT, f"docs/rig.md needs this table:\n{wiring.table()}"


def test_no_pin_is_used_twice():
    rows = list(wiring.rows())
    assert len({gpio for _, gpio, _, _, _ in rows}) == len({pin for _, _, pin, _, _ in rows}) == len(rows)


def test_each_capability_is_described():
    assert [name for name, words in CAPABILITIES.items() if f"| `{name}` | {words} |" not in TEXT] == []
