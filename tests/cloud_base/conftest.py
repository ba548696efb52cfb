"""The brokers as fixtures: `broker_cloud` is a cloud of a broker alone, of each kind in turn."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloud import pki
from cloud.embedded import mosquitto
from cloud.processes import BROKERS, STANDS_FOR, Cloud
from tests.cloud_fixtures import Identity, cloud, cloud_stores, device_identity, make_identity
from tools import keys

__all__ = ["cloud", "cloud_stores", "device_identity"]

# nobody connects to these: there is only a broker
NOT_STARTED = {
    STANDS_FOR["postgres"]: "postgresql://fieldrec:none@127.0.0.1:1/fieldrec",
    STANDS_FOR["redis"]: "redis://127.0.0.1:1/0",
    STANDS_FOR["etcd"]: "http://127.0.0.1:1",
    STANDS_FOR["objects"]: "s3://none",
}


@pytest.fixture(scope="session", params=BROKERS)
def broker_cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    if request.param == "mosquitto" and (words := mosquitto.missing()):
        pytest.skip(words)
    with tempfile.TemporaryDirectory(prefix="fieldrec-") as folder:
        data = Path(folder)
        data.chmod(0o755)
        keys.new(data / "keys")
        with Cloud(data, services=(), broker=request.param, given=NOT_STARTED) as running:
            yield running


@pytest.fixture(scope="session")
def identity(broker_cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Identity]:
    """Makes the key and certificate of a device, or of a service if the name begins like one."""
    folder = tmp_path_factory.mktemp("identities")
    ca = pki.load_authority(broker_cloud.ca, broker_cloud.material.ca_key)

    def make(name: str) -> Identity:
        if not name.startswith("service-"):
            return make_identity(name, ca, folder, broker_cloud.ca)
        return Identity(
            name, *pki.service_certificate(ca, name.removeprefix("service-")), folder, broker_cloud.ca
        )

    return make
