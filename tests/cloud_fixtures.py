"""A cloud for tests, once a session.

cloud_stores    the stores and the broker, without the services
cloud           the services as well, on top of their own stores
device_identity makes the key and certificate of a device that this cloud's CA has signed
"""

import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cloud import pki
from cloud.embedded import mosquitto
from cloud.processes import Cloud
from tools import keys


@contextmanager
def running_cloud(*services: str, **options) -> Iterator[Cloud]:
    """A cloud of one's own, in a folder that every user can reach. `options` are Cloud's; not durable by default."""
    with tempfile.TemporaryDirectory(prefix="fieldrec-") as folder:
        data = Path(folder)
        data.chmod(0o755)  # run as root, PostgreSQL is another user's, who has to get there
        keys.new(data / "keys")
        with Cloud(data, services=services, **({"durable": False} | options)) as cloud:
            yield cloud


@contextmanager
def cloud_of_pairs() -> Iterator[Cloud]:
    """Stores and mosquitto, with what the second process of each service needs. Skips where mosquitto is missing."""
    if words := mosquitto.missing():
        pytest.skip(words)
    with running_cloud(broker="mosquitto") as cloud:
        for name in ("registration-2", "registration-control-2", "ota-2"):
            cloud.material.issue(name)
        yield cloud


@pytest.fixture(scope="session")
def cloud_stores() -> Iterator[Cloud]:
    with running_cloud() as cloud:
        yield cloud


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    with running_cloud("registration", "ota") as cloud:
        yield cloud


class Identity:
    """A client certificate and its key: files, DER for a device, and a TLS context."""

    def __init__(self, name: str, certificate: bytes, key: bytes, folder: Path, ca: Path) -> None:
        self.name, self.ca = name, ca
        self.certificate, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        self.certificate.write_bytes(certificate)
        pki.write_secret(self.key, key)

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(self.certificate, self.key)
        return context


def make_csr(device_id: str, key: ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device_id)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return csr.public_bytes(serialization.Encoding.DER)


def make_identity(device_id: str, ca: pki.Authority, folder: Path, trusted: Path) -> Identity:
    """`ca` signs, `trusted` is the CA file that the client holds the server against."""
    key = ec.generate_private_key(ec.SECP256R1())
    der = pki.sign_device_csr(make_csr(device_id, key), device_id, ca)
    certificate = pki.pem(x509.load_der_x509_certificate(der))
    return Identity(device_id, certificate, pki.key_pem(key), folder, trusted)


@pytest.fixture(scope="session")
def device_identity(cloud_stores: Cloud, tmp_path_factory) -> Callable[[str], Identity]:
    folder = tmp_path_factory.mktemp("identities")
    ca = pki.load_authority(cloud_stores.ca, cloud_stores.material.ca_key)
    return lambda device_id: make_identity(device_id, ca, folder, cloud_stores.ca)
