import pytest

from tests.network.lab import Authority
from tests.network.online import broker, cloud, device, workshop

__all__ = ["broker", "cloud", "device", "workshop"]  # fixtures, for the tests here


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))
