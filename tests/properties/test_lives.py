"""At least 2,000 hours of random lives without a rule broken; FIELDREC_HOURS in the environment asks for more.

Half of them are here, half in test_more_lives.py: files run beside each other.
"""

import os
import time

import pytest

from tests.diagram.compare import tables
from tests.properties.explore import explore
from tests.properties.lived import LIVED
from tools.release_build import PROJECT

HOURS = max(2000.0, float(os.environ.get("FIELDREC_HOURS", "0")))
PARTS = 4  # each lives other lives, and may run beside the others
_KEEP = PROJECT / "build/properties"


@pytest.mark.timeout(600 + HOURS / 2)
@pytest.mark.parametrize("part", range(PARTS // 2))
def test_no_life_breaks_a_rule(part, life_files, record_property):
    live_part(part, life_files, record_property)


def live_part(part, life_files, record_property) -> None:
    started = time.perf_counter()
    lived = explore(part, HOURS / PARTS, life_files, tables([]), _KEEP / f"broken-{part}.jsonl")
    record_property(LIVED, lived.record() | {"took_s": time.perf_counter() - started})
    assert lived.hours >= HOURS / PARTS
