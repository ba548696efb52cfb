"""The key and certificate request that a device makes, read by `cryptography` and by the device's TLS."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

MAKE = """
import sys
from app import csr, keypair
root, device_id = sys.argv[1:]
private, public = keypair.new(root)
assert keypair.load(root) == (private, public)
with open(root + "/csr.der", "wb") as file:
    file.write(csr.build(device_id, private, public))
print("true")
"""

LOAD = """
import ssl, sys
root = sys.argv[1]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
with open(root + "/etc/cert.der", "rb") as cert, open(root + "/etc/key.der", "rb") as key:
    context.load_cert_chain(cert.read(), key.read())
print("true")
"""

SIGN = """
import json, sys
from app import keypair
digest = bytes(range(32))
print(json.dumps([keypair.sign(3, digest).hex() for _ in range(5)]))
"""


def made(on_device, tmp_path, device_id="dev-0001"):
    (tmp_path / "etc").mkdir()
    assert on_device(MAKE, tmp_path, device_id)
    return x509.load_der_x509_csr((tmp_path / "csr.der").read_bytes())


@pytest.mark.parametrize("device_id", ["dev-0001", "d" * 64])  # lengths of one byte, and of two
def test_the_request_is_signed_and_names_the_device(on_device, tmp_path, device_id):
    request = made(on_device, tmp_path, device_id)
    assert request.is_signature_valid
    assert isinstance(request.signature_hash_algorithm, hashes.SHA256)
    assert [name.value for name in request.subject] == [device_id]
    assert request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [
        f"spiffe://fieldrec/device/{device_id}"
    ]


def test_the_key_file_is_the_key_of_the_request(on_device, tmp_path):
    request = made(on_device, tmp_path)
    key = serialization.load_der_private_key((tmp_path / "etc/key.der").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)
    assert key.public_key() == request.public_key()


def test_two_devices_get_two_keys(on_device, tmp_path):
    roots = [tmp_path / "1", tmp_path / "2"]
    for root in roots:
        root.mkdir()
    first, second = (made(on_device, root) for root in roots)
    assert first.public_key() != second.public_key()


def test_the_device_s_tls_takes_the_key_with_a_certificate_made_for_it(on_device, tmp_path):
    request = made(on_device, tmp_path)
    issuer = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "etc/cert.der").write_bytes(_certificate(request, issuer))
    assert on_device(LOAD, tmp_path)


def test_a_key_file_cut_off_or_of_another_kind_is_not_loaded(on_device, tmp_path):
    made(on_device, tmp_path)
    path = tmp_path / "etc/key.der"
    whole = path.read_bytes()
    script = "import json, sys\nfrom app import keypair\nprint(json.dumps(keypair.load(sys.argv[1]) is None))"
    for content in (b"", whole[:120], whole + b"\0", b"\x31" + whole[1:]):
        path.write_bytes(content)
        assert on_device(script, tmp_path)
    path.unlink()
    assert on_device(script, tmp_path)


def test_signatures_verify_and_no_nonce_comes_twice(on_device):
    public = ec.derive_private_key(3, ec.SECP256R1()).public_key()
    signatures = [bytes.fromhex(text) for text in on_device(SIGN)]
    assert len({signature[:32] for signature in signatures}) == 5
    for signature in signatures:
        _verify(public, bytes(range(32)), signature)


def _verify(public: ec.EllipticCurvePublicKey, digest: bytes, signature: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

    pair = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    public.verify(encode_dss_signature(*pair), digest, ec.ECDSA(Prehashed(hashes.SHA256())))


def _certificate(request: x509.CertificateSigningRequest, issuer: ec.EllipticCurvePrivateKey) -> bytes:
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test CA")]))
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(issuer, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.DER)
