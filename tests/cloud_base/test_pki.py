"""The certificate authority: what it signs, and what it refuses to."""

import datetime as dt
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cloud import pki

DER = serialization.Encoding.DER


@pytest.fixture(scope="module")
def ca() -> pki.Authority:
    return pki.make_authority()


def request(*names: str, key=None, extensions=()) -> bytes:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(DER)


def test_device_certificate(ca):
    key = ec.generate_private_key(ec.SECP256R1())
    made = x509.load_der_x509_certificate(pki.sign_device_csr(request("dev-0001", key=key), "dev-0001", ca))
    made.verify_directly_issued_by(ca.certificate)
    assert made.public_key() == key.public_key()
    assert made.subject.rfc4514_string() == "CN=dev-0001"
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [name.value for name in names] == ["spiffe://fieldrec/device/dev-0001"]
    usage = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [*usage] == [ExtendedKeyUsageOID.CLIENT_AUTH]
    left = made.not_valid_after_utc - dt.datetime.now(dt.UTC)
    assert dt.timedelta(days=89) < left <= dt.timedelta(days=90)


def test_what_the_request_asks_for_beyond_its_name_is_ignored(ca):
    wishes = (
        x509.BasicConstraints(ca=True, path_length=None),
        x509.SubjectAlternativeName([x509.UniformResourceIdentifier("spiffe://fieldrec/service/ota")]),
    )
    made = x509.load_der_x509_certificate(
        pki.sign_device_csr(request("dev-1", extensions=wishes), "dev-1", ca)
    )
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [name.value for name in names] == ["spiffe://fieldrec/device/dev-1"]


def test_a_curve_that_nobody_knows_is_refused(ca):
    """The object identifier of P-256 with a digit changed."""
    known, unknown = bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a9648ce3d030107")
    with pytest.raises(pki.CsrError, match="can't be read"):
        pki.sign_device_csr(request("dev-1").replace(known, unknown), "dev-1", ca)


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize(
    ("csr", "words"),
    [
        (b"", "can't be read"),
        (b"\x30\x80" * 50, "can't be read"),
        (flipped(request("dev-1")), "signature is not by its own key"),
        (request("dev-2"), "common name is ['dev-2'], not 'dev-1'"),
        (request(), "common name is [], not 'dev-1'"),
        (request("dev-1", "dev-2"), "common name is ['dev-1', 'dev-2']"),
        (request("dev-1", key=ec.generate_private_key(ec.SECP384R1())), "its key is not P-256"),
        (request("dev-1", key=rsa.generate_private_key(65537, 2048)), "its key is not P-256"),
        (request("dev-1", key=ed25519.Ed25519PrivateKey.generate()), "its key is not P-256"),
    ],
)
def test_refused_requests(ca, csr, words):
    with pytest.raises(pki.CsrError) as caught:
        pki.sign_device_csr(csr, "dev-1", ca)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "name", ["ab", "a" * 65, "Dev-1", "-dev", "dev_1", "dev/1", "dev+1", "dev\n", "service-ota", "dév"]
)
def test_refused_device_ids(ca, name):
    csr = request(name) if len(name) <= 64 else request("dev-1")
    with pytest.raises(pki.CsrError):
        pki.sign_device_csr(csr, name, ca)


def test_key_of_another_authority_is_noticed(ca, tmp_path):
    (tmp_path / "ca.pem").write_bytes(pki.pem(ca.certificate))
    pki.write_secret(tmp_path / "ca.key", pki.key_pem(pki.make_authority().key))
    with pytest.raises(ValueError, match="is not the key of"):
        pki.load_authority(tmp_path / "ca.pem", tmp_path / "ca.key")


def test_secrets_are_for_their_owner_alone(tmp_path):
    pki.write_secret(tmp_path / "secret", b"old")
    pki.write_secret(tmp_path / "secret", b"new")
    assert (tmp_path / "secret").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
