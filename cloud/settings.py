"""What a service must be told, from environment variables named `FIELDREC_...`.

Every process reads its own environment once, at its edge, with `Settings.from_env(os.environ)`, and hands it
on. A variable is called like its field, in capitals behind the prefix. What is missing or unsafe is refused,
all of it at once, each with words that say what to do.
"""

import stat
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

PREFIX = "FIELDREC_"
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


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise ValueError(f"names {text}, which is no file")
    return path


def _secret_file(text: str) -> Path:
    path = _file(text)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ValueError(f"names {text}, which others than its owner may read; run: chmod 600 {text}")
    return path


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
    "mqtt_cert": _file,
    "mqtt_key": _secret_file,
    "ca_cert": _file,
    "ca_key": _secret_file,
    "tls_cert": _file,
    "tls_key": _secret_file,
    "objects_url": _objects,
    "objects_public_url": _https,
    "objects_key_file": _secret_file,
    "objects_endpoint": _https_or_local,
    "admin_token_file": _token_file,
    "roots": _file,
    "keyring": _file,
    "registration_port": _port,
    "ota_port": _port,
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Immutable; URLs that may hold a password are left out of its repr. Paths are files that existed."""

    postgres_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    etcd_url: str

    mqtt_host: str = "127.0.0.1"
    mqtt_port: int
    mqtt_cert: Path  # this service's own client certificate, CN `service-NAME`
    mqtt_key: Path

    ca_cert: Path
    ca_key: Path | None = None  # for registration alone, which signs
    tls_cert: Path  # of this service's HTTPS server
    tls_key: Path

    objects_url: str  # file:///FOLDER or s3://BUCKET
    objects_public_url: str | None = None  # of the folder store's server, where devices fetch
    objects_key_file: Path | None = None  # signs the folder store's presigned URLs
    objects_endpoint: str | None = None  # an S3 that isn't AWS

    admin_token_file: Path
    roots: Path
    keyring: Path

    listen: str = "127.0.0.1"
    public_host: str = "127.0.0.1"  # what devices are told to connect to
    registration_port: int
    ota_port: int

    @property
    def admin_token(self) -> str:
        return self.admin_token_file.read_text().strip()

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
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
        needed = {each.name: each.default is MISSING for each in fields(cls)}
        if environ.get(variable("objects_url"), "").startswith("file:"):
            needed |= {"objects_public_url": True, "objects_key_file": True}
        return needed
