"""Who takes part in these tests beside the service: a factory, and devices that show their certificate."""

from base64 import b64decode, b64encode
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from cloud import pki
from tests.cloud.fleet import Cloud, Device, csr_of
from wire import topics

DER = serialization.Encoding.DER


class Certified(Device):
    """A device whose HTTPS requests carry its certificate, as cloud.serve hands it on."""

    der: bytes
    key: ec.EllipticCurvePrivateKey

    async def enrol(self) -> None:
        await super().enrol()
        pem = self._pem.read_bytes()
        self.der = x509.load_pem_x509_certificate(pem).public_bytes(DER)
        self.key = self._key

    @property
    def serial(self) -> str:
        return format(x509.load_der_x509_certificate(self.der).serial_number, "x")

    async def post(self, path: str, body: dict, der: bytes | None = None) -> httpx.Response:
        async with by_certificate(self._cloud, der or self.der) as client:
            return await client.post(path, json=body)

    async def rotate(self, key: ec.EllipticCurvePrivateKey) -> httpx.Response:
        return await self.post("/v1/certificates", {"v": 1, "csr": csr_of(self.id, key)})

    def take(self, answer: httpx.Response, key: ec.EllipticCurvePrivateKey) -> None:
        """Have the new certificate in use, on MQTT as well."""
        self.der, self.key, self._key = b64decode(answer.json()["certificate"]), key, key
        self._keep(self.der)


@asynccontextmanager
async def by_certificate(cloud: Cloud, der: bytes | None):
    """A client of the service whose TLS has verified this certificate, or who showed none."""

    async def app(scope, receive, send):
        await cloud.registration_app({**scope, "state": {"client_certificate": der}}, receive, send)

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://cloud") as client:
        yield client


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


async def certified(cloud: Cloud, name: str = "dev-one") -> Certified:
    device = Certified(name, cloud)
    await device.enrol()
    return device


class Factory:
    """An authority outside of the cloud, which gives each device a key and a certificate."""

    def __init__(self, name: str = "Factory CA", days: int = 365):
        self.authority = pki.make_authority(name)
        self.days = days

    @property
    def pem(self) -> str:
        return pki.pem(self.authority.certificate).decode()

    def device(self, name: str, authority: bool = False, days: int = 365):
        """(certificate as DER, key)."""
        key, now = new_key(), datetime.now(UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = x509.CertificateBuilder(self.authority.certificate.subject, subject, key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=2)).not_valid_after(
            now + timedelta(days=days)
        )
        builder = builder.add_extension(x509.BasicConstraints(authority, None), critical=True)
        return builder.sign(self.authority.key, hashes.SHA256()).public_bytes(DER), key


def voucher(certificate: bytes, key: ec.EllipticCurvePrivateKey, csr: str) -> dict:
    signed = key.sign(topics.FACTORY_CONTEXT + b64decode(csr), ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(signed)
    raw = r.to_bytes(32) + s.to_bytes(32)
    return {"certificate": b64encode(certificate).decode(), "signature": b64encode(raw).decode()}
