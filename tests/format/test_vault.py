"""Signing by Vault's transit engine: a real OpenBao, which speaks the same API, over TLS."""

from collections.abc import Iterator

import httpx
import pytest

from tests import openbao
from tools import keyring, release, signers, signing
from tools.signers import SignerError, vault
from wire import trust


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server with the transit engine and two keys in it, `app` and `rsa`."""
    with (
        openbao.served(tmp_path_factory.mktemp("openbao")) as environment,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.delenv("VAULT_NAMESPACE", raising=False)
        yield from _client(environment["VAULT_ADDR"])


def _client(address: str) -> Iterator[httpx.Client]:
    headers = {"X-Vault-Token": openbao.TOKEN}
    with httpx.Client(base_url=f"{address}/v1/", headers=headers, verify=vault.trusted()) as client:
        client.post("sys/mounts/transit", json={"type": "transit"}).raise_for_status()
        for name, kind in (("app", "ecdsa-p256"), ("rsa", "rsa-2048")):
            client.post(f"transit/keys/{name}", json={"type": kind}).raise_for_status()
        yield client


def test_vault_signs_a_release_that_verifies(server, signed, signing_keys):
    keyid = release.sign(signed, "vault:transit/app")
    assert keyid == trust.keyid(signers.public_of("vault:transit/app"))
    keyring.add(signing_keys, signers.public_of("vault:transit/app"), ["app"])
    keyring.revoke(signing_keys, signing.key_id(signing.load_key(signing_keys / "release.pem")))
    manifest = release.verify(signed, signing_keys / "roots.json", signing_keys / "keyring.json")
    assert manifest["version"] == "1.1.0" and keyid in release.inspect(signed)["signed_by"]


def test_a_token_needs_what_is_written_down_and_no_more(server, signed, monkeypatch):
    """As in docs/signing.md."""
    rules = {"transit/keys/app": "read", "transit/sign/app/sha2-256": "update"}
    policy = "".join(f'path "{path}" {{ capabilities = ["{may}"] }}\n' for path, may in rules.items())
    server.put("sys/policies/acl/signer", json={"policy": policy}).raise_for_status()
    asked = {"policies": ["signer"], "no_default_policy": True}
    token = server.post("auth/token/create", json=asked).raise_for_status().json()["auth"]["client_token"]
    monkeypatch.setenv("VAULT_TOKEN", token)
    assert release.sign(signed, "vault:transit/app") == trust.keyid(signers.public_of("vault:transit/app"))
    with pytest.raises(SignerError, match="permission denied"):
        signers.public_of("vault:transit/rsa")


def test_a_version_of_the_key_is_a_key_of_its_own(server):
    server.post("transit/keys/app/rotate").raise_for_status()
    first, second, latest = (
        signers.public_of(f"vault:transit/app{version}") for version in ("?version=1", "?version=2", "")
    )
    assert first != second == latest
    with signers.opened("vault:transit/app?version=1") as signer:
        assert signing.verify(first, bytes(32), signer.sign(bytes(32)))


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("vault:transit/none", "vault: transit/keys/none: 404 no such path"),
        ("vault:elsewhere/app", "vault: elsewhere/keys/app: 404"),
        ("vault:transit/rsa", "vault: rsa is a key of type rsa-2048, not ecdsa-p256"),
        ("vault:transit/app?version=99", "vault: app has no version 99"),
    ],
)
def test_a_key_that_can_not_sign_is_named(uri, words, server):
    with pytest.raises(SignerError, match=words), signers.opened(uri):
        pass


def test_a_refusal_is_told_without_the_token(server, monkeypatch):
    monkeypatch.setenv("VAULT_TOKEN", "wrong-token")
    with pytest.raises(SignerError, match="vault: transit/keys/app: 403 permission denied") as caught:
        signers.public_of("vault:transit/app")
    assert "wrong-token" not in str(caught.value)


@pytest.mark.parametrize(
    "uri", ["vault:", "vault:app", "vault:transit/", "vault:transit/a?version=x", "vault:transit/a?x=1"]
)
def test_uris_that_are_none(uri):
    with pytest.raises(SignerError, match="is not like vault:transit/KEY"):
        vault.parse(uri)


def test_mounts_may_have_slashes():
    assert vault.parse("vault:teams/fw/transit/app?version=2") == ("teams/fw/transit", "app", 2)


def test_without_address_or_token_or_over_plain_http_nothing_is_sent(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("VAULT_TOKEN", "VAULT_CACERT", "VAULT_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    for address, words in (
        ("", "VAULT_ADDR must be the https address of the server: it is not set"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1 would show the token on its way"),
        ("https://127.0.0.1:1", "no token for Vault: set VAULT_TOKEN, or log in"),
    ):
        monkeypatch.setenv("VAULT_ADDR", address)
        with pytest.raises(SignerError, match=words):
            signers.public_of("vault:transit/app")
    (tmp_path / ".vault-token").write_text("from-a-login\n")
    with pytest.raises(SignerError, match=r"https://127\.0\.0\.1:1 can't be reached"):
        signers.public_of("vault:transit/app")
    monkeypatch.setenv("VAULT_CACERT", str(tmp_path / ".vault-token"))
    with pytest.raises(SignerError, match="is no certificate in PEM"):
        signers.public_of("vault:transit/app")
