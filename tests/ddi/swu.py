"""Makes what SWUpdate installs: a cpio archive of a signed description and the files that it names.

Sources: SWUpdate's documentation of sw-description and of signed images; cpio(5), "New CRC Format".
"""

import datetime as dt
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DESCRIPTION = """
software = {{
    version = "{version}";
    gateway: {{
        hardware-compatibility: [ "1.0" ];
        files: ( {{ filename = "app.bin"; path = "{path}"; sha256 = "{sha256}"; }} );
    }};
}};
"""


class Signer:
    """A key and its own certificate, which SWUpdate is given to trust."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "updates")]), dt.datetime.now(dt.UTC)
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])  # what SWUpdate asks for
        builder = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self._key.public_key())
        )
        builder = builder.serial_number(x509.random_serial_number()).add_extension(purpose, critical=False)
        builder = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(
            now + dt.timedelta(days=1)
        )
        self.certificate = builder.sign(self._key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def sign(self, data: bytes) -> bytes:
        """A detached CMS signature, DER."""
        builder = pkcs7.PKCS7SignatureBuilder().set_data(data)
        options = [
            pkcs7.PKCS7Options.DetachedSignature,
            pkcs7.PKCS7Options.Binary,
            pkcs7.PKCS7Options.NoCapabilities,
        ]
        return builder.add_signer(self.certificate, self._key, hashes.SHA256()).sign(
            serialization.Encoding.DER, options
        )


def make(content: bytes, path: str, signer: Signer, version: str = "2.0.0") -> bytes:
    """An update that writes `content` to `path`, for hardware gateway 1.0."""
    sha256 = hashlib.sha256(content).hexdigest()
    description = _DESCRIPTION.format(version=version, path=path, sha256=sha256).encode()
    files = {
        "sw-description": description,
        "sw-description.sig": signer.sign(description),
        "app.bin": content,
    }
    return _archive(files)


def _archive(files: dict[str, bytes]) -> bytes:
    entries = [_entry(name, data, inode) for inode, (name, data) in enumerate(files.items(), start=1)]
    return b"".join([*entries, _entry("TRAILER!!!", b"", 0)])


def _entry(name: str, data: bytes, inode: int) -> bytes:
    path, checksum = name.encode() + b"\x00", sum(data) & 0xFFFFFFFF
    fields = [inode, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), checksum]
    head = b"070702" + b"".join(b"%08X" % field for field in fields)
    return _padded(head + path) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\x00" * (-len(data) % 4)
