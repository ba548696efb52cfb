"""What the embedded cloud makes for itself in its data folder: certificates, passwords, the admin token.

pki/      ca.pem ca.key, made once; crl.pem, kept up by registration
          server.pem server.key, service-NAME.pem .key, issued afresh at every start
secrets/  admin-token, metrics-token (of a scraper), postgres, redis, objects (signs presigned URLs),
          mqtt-share (ends the names of the groups in which services share subscriptions): one secret a
          file, made once
"""

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from cloud import pki

SERVICES = ("registration", "ota")
CONNECTIONS = (*SERVICES, "registration-control")  # of services to the broker
CLIENTS = (*CONNECTIONS, "broker")  # the last for the keeper of mosquitto
CRL_AHEAD = timedelta(days=1)  # a list that runs out sooner is renewed at a start
SECRETS = ("admin-token", "metrics-token", "postgres", "redis", "objects", "mqtt-share")
HOSTS: tuple[str, ...] = ("localhost", "127.0.0.1")


class Material:
    def __init__(self, data: Path, hosts: tuple[str, ...] = HOSTS) -> None:
        """`hosts`: what the servers are called, and their addresses."""
        self.hosts = hosts
        self.pki, self.secrets = data / "pki", data / "secrets"

    @property
    def ca(self) -> Path:
        return self.pki / "ca.pem"

    @property
    def ca_key(self) -> Path:
        return self.pki / "ca.key"

    @property
    def crl(self) -> Path:
        """The revocation list; an empty one until registration writes the first."""
        return self.pki / "crl.pem"

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
        self._keep_crl(ca, datetime.now(UTC))
        self._write("server", *pki.server_certificate(ca, self.hosts))
        for name in CLIENTS:
            self._write(f"service-{name}", *pki.service_certificate(ca, name))

    def issue(self, name: str) -> tuple[Path, Path]:
        """Certificate and key for one more connection of a service, `ota-2`, as files."""
        self._write(f"service-{name}", *pki.service_certificate(self._authority(), name))
        return self.service(name)

    def _authority(self) -> pki.Authority:
        if not self.ca.exists():
            made = pki.make_authority()
            self._write("ca", pki.pem(made.certificate), pki.key_pem(made.key))
        return pki.load_authority(self.ca, self.ca_key)

    def _keep_crl(self, ca: pki.Authority, now: datetime) -> None:
        """With the last one run out, a broker would refuse everybody, registration too, which renews it."""
        number, revoked = 0, []
        if self.crl.exists():
            last = x509.load_pem_x509_crl(self.crl.read_bytes())
            if last.next_update_utc and last.next_update_utc > now + CRL_AHEAD:
                return
            number = last.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
            revoked = [(each.serial_number, each.revocation_date_utc) for each in last]
        new = self.crl.with_suffix(".new")
        new.write_bytes(pki.pem(pki.revocation_list(ca, revoked, number, now)))
        new.replace(self.crl)

    def _pair(self, name: str) -> tuple[Path, Path]:
        return self.pki / f"{name}.pem", self.pki / f"{name}.key"

    def _write(self, name: str, certificate: bytes, key: bytes) -> None:
        """The certificate last: where it is, its key is too."""
        certificate_file, key_file = self._pair(name)
        pki.write_secret(key_file, key)
        certificate_file.write_bytes(certificate)
