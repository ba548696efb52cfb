"""The other half of the random lives."""

import pytest

from tests.properties.test_lives import HOURS, PARTS, live_part


@pytest.mark.timeout(600 + HOURS / 2)
@pytest.mark.parametrize("part", range(PARTS // 2, PARTS))
def test_no_life_breaks_a_rule(part, life_files, record_property):
    live_part(part, life_files, record_property)
