"""Servers die under a running campaign, in small; `python -m tests.faults` is the whole of it."""

import pytest

from tests.cloud_fixtures import running_cloud
from tests.faults import harm
from tests.faults.lab import lab
from tests.faults.rounds import halted, harmed
from tools.fleet.device import Timing

pytestmark = pytest.mark.long

MIX = {"healthy": 8, "slow": 1, "lying": 1}  # no failures: in groups of a few devices, chance would halt
DEVICES, CUT_S, WITHIN_S = 60, 2.0, 60.0
TIMING = Timing(step_s=0.2, heartbeat_s=10, stay_s=1.0, keepalive_s=10)


@pytest.fixture(scope="module")
def cloud():
    """Of its own: its servers are killed."""
    with running_cloud("registration", "ota") as cloud:
        yield cloud


@pytest.mark.parametrize("name", ["ota", "broker"])
async def test_campaign_outlives_a_server(cloud, name):
    async with lab(cloud, DEVICES, MIX, TIMING, prefix=name, second=name == "ota") as faults:
        faults.version = 10 if name == "ota" else 20
        outcome = await harmed(faults, name, CUT_S, WITHIN_S)
    assert outcome.wrong == []


async def test_a_bad_release_halts_though_postgres_dies(cloud):
    async with lab(
        cloud, DEVICES, {"healthy": 7, "failing": 3}, TIMING, prefix="bad", second=False
    ) as faults:
        faults.version = 30
        outcome = await halted(faults, "postgres", CUT_S, WITHIN_S)
    assert outcome.wrong == []


def test_frozen_is_silent_and_comes_back(cloud):
    (redis,) = [each for each in cloud.servers if each.name == "redis"]
    with harm.frozen(redis), pytest.raises(Exception, match=r"(?i)time"):
        redis.ask()
    redis.ask()
