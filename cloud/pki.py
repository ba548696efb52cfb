"""The cloud's certificate authority: P-256 throughout, one CA, no intermediates.

Who is who stands in a certificate twice: as common name, which MQTT clients use as their client id, and as a
URI `spiffe://fieldrec/ROLE/NAME`, which says the role as well, so that no device can pass for a service.
"""

import datetime as dt
import ipaddress
import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DEVICE_DAYS = 90
RENEW_DAYS = 60  # after so many a device asks for the next
SERVER_DAYS = 825
CA_DAYS = 3650
CRL_DAYS = 7  # a list is renewed daily; a broker refuses everybody once the one that it has ran out
CLOCK_SKEW = dt.timedelta(hours=1)  # of devices, behind us

_DEVICE_ID = re.compile(r"[a-z0-9][a-z0-9-]{2,63}")
_SERVICE_PREFIX = "service-"


class CsrError(ValueError):
    """A certificate signing request is refused; the text says why."""


@dataclass(frozen=True)
class Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)


def check_device_id(device_id: str) -> None:
    """Raises ValueError. The prefix of services is kept from devices: the broker tells them apart by it."""
    if not _DEVICE_ID.fullmatch(device_id):
        raise ValueError(f"device id {device_id!r} must match {_DEVICE_ID.pattern}")
    if device_id.startswith(_SERVICE_PREFIX):
        raise ValueError(f"device id {device_id!r} must not begin with {_SERVICE_PREFIX!r}")


def make_authority(name: str = "Fieldrec CA") -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, key.public_key(), days=CA_DAYS).issuer_name(_name(name))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    return Authority(builder.sign(key, hashes.SHA256()), key)


def load_authority(certificate: Path, key: Path) -> Authority:
    """Reads PEM files; raises ValueError if key and certificate don't belong together."""
    return authority(certificate.read_bytes(), key.read_bytes(), str(key))


def authority(certificate_pem: bytes, key_pem: bytes, name: str) -> Authority:
    """Of PEM; raises ValueError, with `name` for the key, if they don't belong together."""
    loaded = serialization.load_pem_private_key(key_pem, password=None)
    certificate = x509.load_pem_x509_certificate(certificate_pem)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey) or loaded.public_key() != certificate.public_key():
        raise ValueError(f"{name} is not the key of the CA's certificate")
    return Authority(certificate, loaded)


def server_certificate(ca: Authority, hosts: tuple[str, ...]) -> tuple[bytes, bytes]:
    """(certificate, key) as PEM, valid for the given host names and IP addresses."""
    names = [*map(_host, hosts)]
    return _leaf_pem(ca, hosts[0], names, ExtendedKeyUsageOID.SERVER_AUTH, days=SERVER_DAYS)


def service_certificate(ca: Authority, name: str) -> tuple[bytes, bytes]:
    """(certificate, key) as PEM, for the MQTT client of one of the cloud's own services."""
    uri = x509.UniformResourceIdentifier(f"spiffe://fieldrec/service/{name}")
    return _leaf_pem(ca, _SERVICE_PREFIX + name, [uri], ExtendedKeyUsageOID.CLIENT_AUTH, days=SERVER_DAYS)


def sign_device_csr(csr_der: bytes, device_id: str, ca: Authority) -> bytes:
    """The device's certificate as DER. Only key and name are taken from the request, never its extensions.

    Raises CsrError if it is malformed, not signed by its own key, not P-256, or not for `device_id`.
    """
    try:
        check_device_id(device_id)
        csr = x509.load_der_x509_csr(csr_der)
        key, names = csr.public_key(), csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        signed = csr.is_signature_valid
    except (ValueError, InvalidSignature, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise CsrError(f"can't be read: {error}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise CsrError("its key is not P-256")
    if not signed:
        raise CsrError("its signature is not by its own key")
    if [name.value for name in names] != [device_id]:
        raise CsrError(f"its common name is {[name.value for name in names]}, not {device_id!r}")
    uri = x509.UniformResourceIdentifier(f"spiffe://fieldrec/device/{device_id}")
    leaf = _leaf(ca, key, device_id, [uri], ExtendedKeyUsageOID.CLIENT_AUTH, days=DEVICE_DAYS)
    return leaf.public_bytes(serialization.Encoding.DER)


def revocation_list(
    ca: Authority, revoked: Iterable[tuple[int, dt.datetime]], number: int, now: dt.datetime
) -> x509.CertificateRevocationList:
    """Signed by the CA; `revoked` has serial number and time of each. `number` rises from list to list."""
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key())
    entries = [
        x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
        for serial, at in revoked
    ]
    builder = (
        x509.CertificateRevocationListBuilder(revoked_certificates=entries)  # one by one is quadratic
        .issuer_name(ca.certificate.subject)
        .last_update(now - CLOCK_SKEW)
        .next_update(now + dt.timedelta(days=CRL_DAYS))
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(issuer, critical=False)
    )
    return builder.sign(ca.key, hashes.SHA256())


def write_secret(path: Path, data: bytes) -> None:
    """Makes or replaces a file that only its owner may read; a crash leaves the old one or the new one."""
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    new.replace(path)


def pem(certificate: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _leaf_pem(ca: Authority, name: str, names: list, purpose: x509.ObjectIdentifier, *, days: int):
    key = ec.generate_private_key(ec.SECP256R1())
    return pem(_leaf(ca, key.public_key(), name, names, purpose, days=days)), key_pem(key)


def _leaf(ca: Authority, key, name: str, names: list, purpose: x509.ObjectIdentifier, *, days: int):
    builder = _builder(name, key, days=days).issuer_name(ca.certificate.subject)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key())
    for extension, critical in (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(digital_signature=True), True),
        (x509.ExtendedKeyUsage([purpose]), False),
        (x509.SubjectAlternativeName(names), False),
        (issuer, False),
    ):
        builder = builder.add_extension(extension, critical)
    return builder.sign(ca.key, hashes.SHA256())


def _builder(name: str, key: ec.EllipticCurvePublicKey, *, days: int) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _usage(**allowed: bool) -> x509.KeyUsage:
    words = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign"
        " crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**{word: allowed.get(word, False) for word in words.split()})
