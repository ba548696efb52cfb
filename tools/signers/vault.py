"""Signing by the transit engine of Vault or OpenBao, which keeps the private key.

    vault:MOUNT/KEY[?version=N]        `vault:transit/release`; the key's latest version if left out

Server and token are told as to Vault's own command: VAULT_ADDR (https), VAULT_TOKEN or ~/.vault-token,
VAULT_CACERT, VAULT_NAMESPACE. The token needs `read` on MOUNT/keys/KEY and `update` on MOUNT/sign/KEY.
"""

import base64
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ecdsa
import httpx

from tools.signers import SignerError

_TIMEOUT_S = 30


class VaultSigner:
    """`public` is x and y of version `version` of the key, 64 bytes."""

    def __init__(self, client: httpx.Client, mount: str, key: str, version: int | None) -> None:
        self._client, self._path = client, f"{mount}/sign/{key}/sha2-256"
        told = _data(client.get(f"{mount}/keys/{key}"), f"{mount}/keys/{key}")
        if told.get("type") != "ecdsa-p256":
            raise SignerError(f"vault: {key} is a key of type {told.get('type')}, not ecdsa-p256")
        self._version = version or told["latest_version"]
        try:
            pem = told["keys"][str(self._version)]["public_key"]
        except KeyError:
            raise SignerError(f"vault: {key} has no version {self._version}") from None
        self.public = ecdsa.VerifyingKey.from_pem(pem).to_string()

    def sign(self, digest: bytes) -> bytes:
        """r and s as 32 bytes each: what JWS (RFC 7515, A.3) calls a signature."""
        asked = {
            "input": base64.b64encode(digest).decode(),
            "prehashed": True,
            "marshaling_algorithm": "jws",
            "key_version": self._version,
        }
        told = _data(self._client.post(self._path, json=asked), self._path)
        text = told["signature"].rpartition(":")[2]  # vault:v1:...
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parse(uri: str) -> tuple[str, str, int | None]:
    """(mount, key, version or None) of a URI."""
    path, _, query = uri.removeprefix("vault:").partition("?")
    mount, _, key = path.strip("/").rpartition("/")
    name, _, version = query.partition("=")
    if not mount or not key or (query and (name != "version" or not version.isdecimal() or not int(version))):
        raise SignerError(f"{uri} is not like vault:transit/KEY or vault:transit/KEY?version=2")
    return mount, key, int(version) if query else None


@contextmanager
def opened(uri: str) -> Iterator[VaultSigner]:
    mount, key, version = parse(uri)
    address = os.environ.get("VAULT_ADDR", "")
    if not address.startswith("https://"):
        words = f"{address} would show the token on its way" if address else "it is not set"
        raise SignerError(f"VAULT_ADDR must be the https address of the server: {words}")
    headers = {"X-Vault-Token": _token(), "X-Vault-Request": "true"}
    if namespace := os.environ.get("VAULT_NAMESPACE"):
        headers["X-Vault-Namespace"] = namespace
    base = address.rstrip("/") + "/v1/"
    try:
        with httpx.Client(base_url=base, headers=headers, verify=trusted(), timeout=_TIMEOUT_S) as client:
            yield VaultSigner(client, mount, key, version)
    except httpx.HTTPError as error:
        raise SignerError(f"{address} can't be reached: {error}") from None


def _token() -> str:
    token, file = os.environ.get("VAULT_TOKEN"), Path.home() / ".vault-token"
    if not token and file.exists():
        token = file.read_text().strip()
    if not token:
        raise SignerError("no token for Vault: set VAULT_TOKEN, or log in with `vault login`")
    return token


def trusted() -> ssl.SSLContext:
    ca = os.environ.get("VAULT_CACERT")
    try:
        return ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        raise SignerError(f"VAULT_CACERT: {ca} is no certificate in PEM") from None


def _data(answer: httpx.Response, path: str) -> dict:
    """The `data` of an answer; SignerError in the server's words."""
    try:
        body = answer.json()
    except ValueError:
        body = {}
    if answer.status_code != 200 or not isinstance(body.get("data"), dict):
        errors = "; ".join(body.get("errors") or []) or "no such path" * (answer.status_code == 404)
        raise SignerError(f"vault: {path}: {answer.status_code} {errors or answer.text[:100]}".rstrip())
    return body["data"]
