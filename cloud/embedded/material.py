"""What the embedded cloud makes for itself in its data folder: certificates, passwords, the admin token.

pki/      ca.pem ca.key, made once; server.pem server.key, service-NAME.pem .key, issued afresh at every start
secrets/  admin-token, postgres, redis, objects (signs presigned URLs): one secret a file, made once
"""

import secrets
from pathlib import Path

from cloud import pki

SERVICES = ("registration", "ota")
SECRETS = ("admin-token", "postgres", "redis", "objects")
HOSTS = ("localhost", "127.0.0.1")


class Material:
    def __init__(self, data: Path) -> None:
        self.pki, self.secrets = data / "pki", data / "secrets"

    @property
    def ca(self) -> Path:
        return self.pki / "ca.pem"

    @property
    def ca_key(self) -> Path:
        return self.pki / "ca.key"

    @property
    def server(self) -> tuple[Path, Path]:
        """Certificate and key of every server, as files."""
        return self._pair("server")

    def service(self, name: str) -> tuple[Path, Path]:
        """Certificate and key with which a service connects to the broker, as files."""
        return self._pair(f"service-{name}")

    def secret_file(self, name: str) -> Path:
        return self.secrets / name

    def secret(self, name: str) -> str:
        return self.secret_file(name).read_text().strip()

    def make(self) -> None:
        """Makes what is missing; certificates that run out are renewed."""
        for folder in (self.pki, self.secrets):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in SECRETS:
            if not self.secret_file(name).exists():
                pki.write_secret(self.secret_file(name), secrets.token_hex(32).encode())
        ca = self._authority()
        self._write("server", *pki.server_certificate(ca, HOSTS))
        for name in SERVICES:
            self._write(f"service-{name}", *pki.service_certificate(ca, name))

    def _authority(self) -> pki.Authority:
        if not self.ca.exists():
            made = pki.make_authority()
            self._write("ca", pki.pem(made.certificate), pki.key_pem(made.key))
        return pki.load_authority(self.ca, self.ca_key)

    def _pair(self, name: str) -> tuple[Path, Path]:
        return self.pki / f"{name}.pem", self.pki / f"{name}.key"

    def _write(self, name: str, certificate: bytes, key: bytes) -> None:
        """The certificate last: where it is, its key is too."""
        certificate_file, key_file = self._pair(name)
        pki.write_secret(key_file, key)
        certificate_file.write_bytes(certificate)
