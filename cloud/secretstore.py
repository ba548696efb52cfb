"""Where secrets are kept: a file that only its owner may read, or Vault (or OpenBao, which speaks the same API).

A secret is named by its path, or by `vault:MOUNT/PATH#FIELD`: a field of a secret in a KV engine, version 2.
Vault is found and trusted by the variables that its own client uses: VAULT_ADDR, VAULT_TOKEN (or VAULT_TOKEN_FILE,
which an agent keeps up), VAULT_CACERT, VAULT_NAMESPACE.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from cloud import pki
from cloud.settings import VAULT, Settings

TIMEOUT_S = 10

_NAME = re.compile(rf"{VAULT}(?P<mount>[^/#]+)/(?P<path>[^#]+)#(?P<field>[^#]+)")


class SecretError(Exception):
    """A secret can't be had; the text says which, and why, but never what it is."""


def read(where: Path | str, environ: Mapping[str, str] = os.environ) -> bytes:
    """The secret itself; raises SecretError."""
    if isinstance(where, str) and where.startswith(VAULT):
        return _from_vault(where, environ)
    try:
        return Path(where).read_bytes()
    except OSError as error:
        raise SecretError(f"{where}: {error.strerror}") from error


def authority(settings: Settings) -> pki.Authority:
    """The CA with its key, from wherever that is; raises SecretError, or ValueError if they don't match."""
    if settings.ca_key is None:
        raise ValueError("registration signs certificates: it needs FIELDREC_CA_KEY")
    return pki.authority(settings.ca_cert.read_bytes(), read(settings.ca_key), str(settings.ca_key))


def _from_vault(where: str, environ: Mapping[str, str]) -> bytes:
    import hvac  # type: ignore[import-untyped]  # only where it is used
    import requests

    if not (name := _NAME.fullmatch(where)):
        raise SecretError(f"{where!r} is not like {VAULT}MOUNT/PATH#FIELD")
    try:
        with _client(hvac, environ) as client:
            said = client.secrets.kv.v2.read_secret_version(
                name["path"], mount_point=name["mount"], raise_on_deleted_version=True
            )
    except hvac.exceptions.VaultError as error:
        raise SecretError(f"{where}: {type(error).__name__}: {error}") from error
    except requests.RequestException as error:
        raise SecretError(f"{where}: {environ['VAULT_ADDR']} can't be reached: {error}") from error
    field = said["data"]["data"].get(name["field"])
    if not isinstance(field, str):
        raise SecretError(f"{where}: the secret has no field {name['field']!r} with a text")
    return field.encode()


def _client(hvac, environ: Mapping[str, str]):
    address = environ.get("VAULT_ADDR", "")
    if not address.startswith("https://"):
        raise SecretError(f"VAULT_ADDR must be an https address, it is {address!r}: secrets go over it")
    token = environ.get("VAULT_TOKEN") or _token_of_file(environ)
    return _Closing(
        hvac.Client(
            url=address,
            token=token,
            verify=environ.get("VAULT_CACERT") or True,
            namespace=environ.get("VAULT_NAMESPACE"),
            timeout=TIMEOUT_S,
        )
    )


def _token_of_file(environ: Mapping[str, str]) -> str:
    if not (file := environ.get("VAULT_TOKEN_FILE")):
        raise SecretError("no token for Vault: set VAULT_TOKEN, or VAULT_TOKEN_FILE")
    return read(Path(file)).decode().strip()


class _Closing:
    """hvac's client keeps its connections open until it is told."""

    def __init__(self, client) -> None:
        self._client = client

    def __enter__(self):
        return self._client

    def __exit__(self, *_: object) -> None:
        self._client.adapter.close()
