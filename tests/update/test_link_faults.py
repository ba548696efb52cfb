"""A share of the 500 downloads of `python -m tests.update.link_faults`."""

import pytest

from tests.update.link_faults import Run
from tests.update.linkproxy import KINDS
from tests.update.server_faults import FAULTS

COUNT = 50


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("links"), seed=3)
    for _ in run.batches(COUNT):
        pass
    print(run.report())
    return run


def test_each_download_ends_with_the_right_bytes_or_a_clean_error(run):
    assert len(run.downloads) == COUNT
    assert not run.wrong()
    assert run.ends()["installed"] > COUNT * 0.8


def test_every_kind_of_fault_came(run):
    came = set(run.faults())
    assert {kind for kind in KINDS if kind not in ("none", "delay")} <= came
    assert {fault.__name__ for fault in FAULTS} <= came


def test_a_lost_link_costs_no_byte_twice(run):
    assert 1.0 <= run.fetched_over_needed() < 1.05
