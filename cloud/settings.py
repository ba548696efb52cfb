"""What a service must be told, from environment variables named `FIELDREC_...`.

Every process reads its own environment once, at its edge, with `Settings.from_env(os.environ)`, and hands it
on. A variable is called like its field, in capitals behind the prefix. What is missing or unsafe is refused,
all of it at once, each with words that say what to do.
"""

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Self
from urllib.parse import SplitResult, urlsplit

PREFIX = "FIELDREC_"
VAULT = "vault:"  # begins the name of a secret that is kept there
LOOPBACK = ("localhost", "127.0.0.1", "::1")
TOKEN_MIN_CHARS = 32


def variable(name: str) -> str:
    return PREFIX + name.upper()


class SettingsError(ValueError):
    """One or more settings are missing or unsafe; the text has a line for each."""


def _url(text: str, schemes: tuple[str, ...]) -> SplitResult:
    parts = urlsplit(text)
    if parts.scheme not in schemes:
        raise ValueError(f"has scheme {parts.scheme!r}; give one of {', '.join(schemes)}")
    return parts


def _postgres(text: str) -> str:
    if not _url(text, ("postgresql", "postgres")).password:
        raise ValueError("has no password; give postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    return text


def _redis(text: str) -> str:
    parts = _url(text, ("redis", "rediss"))
    if not parts.password and parts.hostname not in LOOPBACK:
        raise ValueError(
            f"has no password, but {parts.hostname} is another machine; give rediss://:PASS@HOST"
        )
    return text


def _https_or_local(text: str) -> str:
    parts = _url(text, ("https", "http"))
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError(f"is not encrypted, but {parts.hostname} is another machine; give https://")
    return text


def _https(text: str) -> str:
    _url(text, ("https",))
    return text.rstrip("/")


def _objects(text: str) -> str:
    parts = _url(text, ("file", "s3"))
    if parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
        raise ValueError("must be an absolute folder: file:///...")
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ValueError(f"is {text!r}; give a number from 1 to 65535")
    return int(text)


def _seconds(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 43_200:
        raise ValueError(f"is {text!r}; give seconds from 1 to 43200")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"is {text!r}; give a share from 0 to 1")
    return share


def _yes(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError(f"is {text!r}; give yes or no")
    return text == "yes"


def _days(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 36500:
        raise ValueError(f"is {text!r}; give a number of days from 1")
    return int(text)


def _instance(text: str) -> str:
    """The first has no number: it is the one that is always there."""
    if not text.isalnum():
        raise ValueError(f"is {text!r}; give letters or digits")
    return "" if text == "1" else text


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise ValueError(f"names {text}, which is no file")
    return path


def _secret_file(text: str) -> Path:
    path = _file(text)
    if _open_to_others(path.stat()):
        raise ValueError(f"names {text}, which others than its owner may read; run: chmod 600 {text}")
    return path


def _open_to_others(file: os.stat_result) -> bool:
    """A group may read what is not ours: that is how an orchestrator hands a secret to a user without rights."""
    ours = file.st_uid == os.geteuid()
    return bool(file.st_mode & (stat.S_IRWXO | (stat.S_IRWXG if ours else stat.S_IWGRP | stat.S_IXGRP)))


def _secret(text: str) -> Path | str:
    """A file, or what cloud/secretstore.py finds in Vault."""
    return text if text.startswith(VAULT) else _secret_file(text)


def _token_file(text: str) -> Path:
    path = _secret_file(text)
    if len(token := path.read_text().strip()) < TOKEN_MIN_CHARS:
        raise ValueError(f"names a token of {len(token)} characters; at least {TOKEN_MIN_CHARS} are needed")
    return path


_READ: dict[str, Callable[[str], object]] = {
    "postgres_url": _postgres,
    "redis_url": _redis,
    "etcd_url": _https_or_local,
    "mqtt_port": _port,
    "mqtt_share_file": _token_file,
    "heartbeat_days": _days,
    "instance": _instance,
    "retire": _yes,
    "mqtt_cert": _file,
    "mqtt_key": _secret_file,
    "ca_cert": _file,
    "ca_key": _secret,
    "crl_file": Path,
    "tls_cert": _file,
    "tls_key": _secret_file,
    "objects_url": _objects,
    "objects_public_url": _https,
    "objects_key_file": _secret_file,
    "objects_endpoint": _https_or_local,
    "admin_token_file": _token_file,
    "metrics_token_file": _token_file,
    "traces_url": _https_or_local,
    "traces_share": _share,
    "roots": _file,
    "keyring": _file,
    "registration_port": _port,
    "dashboard_url": _https,
    "portal_url": _https_or_local,
    "portal_port": _port,
    "ota_port": _port,
    "dashboard_port": _port,
    "registration_url": _https,
    "ota_url": _https,
    "oidc_issuer": _https_or_local,
    "oidc_client_secret_file": _secret_file,
    "ddi_poll_s": _seconds,
    "grace_s": _seconds,
}


class Environment:
    """A frozen dataclass whose fields are read from the variables called like them."""

    def url_of(self, service: str) -> str:
        """Where another service reaches it."""
        return getattr(self, f"{service}_url") or f"https://127.0.0.1:{getattr(self, f'{service}_port')}"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Raises SettingsError with one line for each variable that is missing or unsafe."""
        values: dict[str, Any] = {}
        wrong = []
        for name, needed in cls._needed(environ).items():
            text = environ.get(variable(name), "").strip()
            if not text and needed:
                wrong.append(f"{variable(name)} is not set")
            elif text:
                try:
                    values[name] = _READ.get(name, str)(text)
                except ValueError as error:
                    wrong.append(f"{variable(name)} {error}")
        if wrong:
            raise SettingsError("\n".join(wrong))
        return cls(**values)

    @classmethod
    def _needed(cls, environ: Mapping[str, str]) -> dict[str, bool]:
        return {each.name: each.default is MISSING for each in fields(cls)}  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Settings(Environment):
    """Immutable; URLs that may hold a password are left out of its repr. Paths are files that existed."""

    postgres_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    etcd_url: str

    mqtt_host: str = "127.0.0.1"
    mqtt_port: int
    mqtt_share_file: Path | None = None  # where the broker knows `$share`: ends the names of the groups
    instance: str = ""  # of several processes of a service, which: ends its client id, "service-ota-2"
    retire: bool = (
        False  # this process is taken away for good: it commits what waits for it, and asks no more
    )
    mqtt_cert: Path  # this service's own client certificate, CN `service-NAME`
    mqtt_key: Path

    ca_cert: Path
    ca_key: Path | str | None = None  # for registration alone, which signs; a file, or vault:MOUNT/PATH#FIELD
    crl_file: Path | None = None  # written by registration, read by a broker on this machine
    tls_cert: Path  # of this service's HTTPS server
    tls_key: Path

    objects_url: str  # file:///FOLDER or s3://BUCKET
    objects_public_url: str | None = None  # of the folder store's server, where devices fetch
    objects_key_file: Path | None = None  # signs the folder store's presigned URLs
    objects_endpoint: str | None = None  # an S3 that isn't AWS

    heartbeat_days: int = 30  # how long heartbeats are kept
    admin_token_file: Path
    roots: Path
    keyring: Path

    metrics_token_file: Path | None = None  # with it a scraper reads /metrics, and nothing else
    traces_url: str | None = None  # of an OpenTelemetry collector, OTLP over HTTP; none: nothing is recorded
    traces_share: float = 1.0  # of the requests that begin a trace, how many are recorded

    listen: str = "127.0.0.1"
    public_host: str = "127.0.0.1"  # what devices are told to connect to
    registration_port: int
    ota_port: int
    dashboard_port: int = 8451
    registration_url: str | None = None  # where the dashboard reaches them; on this machine if left out
    ota_url: str | None = None
    dashboard_url: str | None = None  # as browsers reach it, for the identity provider to send them back
    portal_url: str = ""  # where the dashboard sends them then
    oidc_issuer: str | None = None  # of the identity provider; none: users of this cloud alone
    oidc_client_id: str = ""
    oidc_client_secret_file: Path | None = None
    oidc_scope: str = "openid profile email"
    oidc_claim: str = "groups"  # of the person, and which of them is which role: GROUP=ROLE,GROUP=ROLE
    oidc_roles: str = ""
    ddi_poll_s: int = 300  # how often devices that speak DDI are told to ask
    grace_s: int = 5  # at a stop: for requests in flight; and half of it for each connection to the broker

    @property
    def admin_token(self) -> str:
        return self.admin_token_file.read_text().strip()

    @property
    def metrics_token(self) -> str:
        return self.metrics_token_file.read_text().strip() if self.metrics_token_file else ""

    @property
    def mqtt_share(self) -> str:
        """What no device may guess: one that subscribes in a service's group would take its messages away."""
        return self.mqtt_share_file.read_text().strip() if self.mqtt_share_file else ""

    @classmethod
    def _needed(cls, environ: Mapping[str, str]) -> dict[str, bool]:
        needed = super()._needed(environ)
        if environ.get(variable("objects_url"), "").startswith("file:"):
            needed |= {"objects_public_url": True, "objects_key_file": True}
        if environ.get(variable("oidc_issuer")):
            needed |= dict.fromkeys(
                ("oidc_client_id", "oidc_client_secret_file", "oidc_roles", "portal_url"), True
            )
        return needed
