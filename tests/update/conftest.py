import pytest

from tests.network.lab import Authority
from tests.update.workshop import Workshop


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def workshop(tmp_path_factory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop"))


@pytest.fixture
def device(workshop, tmp_path):
    return workshop.device(tmp_path / "device")
