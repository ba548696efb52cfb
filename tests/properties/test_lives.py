"""At least 2,000 hours of random lives without a rule broken; FIELDREC_HOURS in the environment asks for more."""

import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.diagram.compare import tables
from tests.properties.explore import Lived, explore
from tests.properties.lived import LIVED
from tools.release_build import PROJECT

HOURS = max(2000.0, float(os.environ.get("FIELDREC_HOURS", "0")))
_PROCESSES = 2
_KEEP = PROJECT / "build/properties"


@pytest.mark.timeout(600 + HOURS / 2)
def test_no_life_breaks_a_rule(flash_files, pytestconfig):
    started = time.perf_counter()
    device = tables([])
    with ProcessPoolExecutor(_PROCESSES, multiprocessing.get_context("spawn")) as pool:
        parts = [
            pool.submit(
                explore, part, HOURS / _PROCESSES, flash_files, device, _KEEP / f"broken-{part}.jsonl"
            )
            for part in range(_PROCESSES)
        ]
        lived = sum((part.result() for part in parts), Lived())
    pytestconfig.stash[LIVED] = (lived, time.perf_counter() - started)
    assert lived.hours >= HOURS
