"""A cloud whose services run in processes of their own, and fleets of simulated devices."""

from collections.abc import Callable

import pytest

from cloud import pki
from cloud.processes import Cloud
from tests.cloud_fixtures import cloud
from tools.fleet import identities
from tools.fleet.device import Timing
from tools.fleet.fleet import Fleet
from tools.fleet.link import Where

__all__ = ["cloud"]  # a fixture, for the tests here


@pytest.fixture
def new_fleet(cloud: Cloud) -> Callable[..., Fleet]:
    """`new_fleet(prefix, count, parts)`: enrolled, not yet running."""

    def make(prefix: str, count: int, parts: dict[str, int] | None = None, step_s: float = 0.05) -> Fleet:
        authority = pki.load_authority(cloud.ca, cloud.material.ca_key)
        made = identities.sign(identities.names(count, prefix), authority)
        identities.store(cloud.settings.postgres_url, made)
        where = Where("127.0.0.1", cloud.ports["broker"], str(cloud.ca))
        return Fleet(where, made, parts, Timing(step_s=step_s, heartbeat_s=5, stay_s=0.5))

    return make
