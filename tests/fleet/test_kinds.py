"""The mix of a fleet."""

from collections import Counter

import pytest

from tools.fleet.kinds import assign, mix


def test_a_mix_is_spread_evenly():
    kinds = assign(1000, {"healthy": 8, "slow": 1, "failing": 1})
    assert Counter(kinds) == {"healthy": 800, "slow": 100, "failing": 100}
    for start in range(0, 1000, 100):
        assert Counter(kinds[start : start + 100]) == {"healthy": 80, "slow": 10, "failing": 10}


@pytest.mark.parametrize("text", ["healthy", "healthy=", "healthy=0", "happy=1", "", "healthy=-1"])
def test_nonsense_is_no_mix(text):
    with pytest.raises(ValueError):
        mix(text)
