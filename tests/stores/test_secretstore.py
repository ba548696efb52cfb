"""The CA's key comes from a file or from Vault: here a real OpenBao, which speaks the same API, over TLS."""

import ssl
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from cloud import pki, secretstore
from cloud.registration import app as registration
from cloud.secretstore import SecretError
from cloud.settings import Settings, SettingsError
from tests import openbao
from tests.cloud.fleet import serving

NAME = "vault:secret/fieldrec/ca#key"


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment that leads to a server with an empty KV engine at `secret`."""
    with openbao.served(tmp_path_factory.mktemp("openbao")) as environment:
        yield environment


def keep(vault: dict[str, str], path: str, **fields: object) -> None:
    url = f"{vault['VAULT_ADDR']}/v1/secret/data/{path}"
    headers = {"X-Vault-Token": openbao.TOKEN}
    trusted = ssl.create_default_context(cafile=vault["VAULT_CACERT"])
    httpx.post(url, headers=headers, json={"data": fields}, verify=trusted).raise_for_status()


async def test_registration_signs_with_a_key_that_is_in_vault_alone(
    vault, cloud_stores, database_url, tmp_path, monkeypatch
):
    for name, value in vault.items():
        monkeypatch.setenv(name, value)
    keep(vault, "fieldrec/ca", key=cloud_stores.material.ca_key.read_text())
    settings = replace(cloud_stores.settings_of("registration"), ca_key=NAME, postgres_url=database_url)
    app = registration.create_app(settings)
    async with serving(app):
        ca = pki.load_authority(cloud_stores.ca, cloud_stores.material.ca_key)
        assert app.state.authority.key.private_numbers() == ca.key.private_numbers()


def test_key_of_another_ca_is_refused(vault, cloud_stores, monkeypatch):
    for name, value in vault.items():
        monkeypatch.setenv(name, value)
    keep(vault, "fieldrec/ca", key=pki.key_pem(pki.make_authority().key).decode())
    settings = replace(cloud_stores.settings_of("registration"), ca_key=NAME)
    with pytest.raises(ValueError, match=f"{NAME} is not the key of the CA's certificate"):
        secretstore.authority(settings)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("vault:secret/none#key", "vault:secret/none#key: InvalidPath"),
        ("vault:elsewhere/fieldrec/ca#key", "elsewhere/fieldrec/ca#key: InvalidPath"),
        ("vault:secret/other#field", "the secret has no field 'field'"),
        ("vault:secret/other#number", "the secret has no field 'number' with a text"),
        ("vault:secret", "is not like vault:MOUNT/PATH#FIELD"),
        ("vault:secret/other", "is not like"),
        ("vault:secret/other#", "is not like"),
    ],
)
def test_secret_that_is_not_there_is_named(vault, name, words):
    keep(vault, "other", key="x", number=7)
    with pytest.raises(SecretError, match=words):
        secretstore.read(name, vault)


def test_refusal_is_told_without_the_token(vault, tmp_path):
    file = tmp_path / "token"
    file.write_text("wrong-token\n")
    told = {**vault, "VAULT_TOKEN": "", "VAULT_TOKEN_FILE": str(file)}
    with pytest.raises(SecretError, match="Forbidden") as caught:
        secretstore.read(NAME, told)
    assert "wrong-token" not in str(caught.value)


def test_nothing_is_sent_without_a_token_or_over_plain_http():
    for told, words in (
        ({}, "VAULT_ADDR must be an https address, it is ''"),
        ({"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": "x"}, "VAULT_ADDR must be an https address"),
        ({"VAULT_ADDR": "https://127.0.0.1:1"}, "no token for Vault: set VAULT_TOKEN, or VAULT_TOKEN_FILE"),
        ({"VAULT_ADDR": "https://127.0.0.1:1", "VAULT_TOKEN": "x"}, "https://127.0.0.1:1 can't be reached"),
    ):
        with pytest.raises(SecretError, match=words):
            secretstore.read(NAME, told)


def test_settings_take_a_private_file_or_a_name_in_vault(cloud_stores, tmp_path):
    environ = cloud_stores.environ_of("registration")
    assert Settings.from_env({**environ, "FIELDREC_CA_KEY": NAME}).ca_key == NAME
    public = tmp_path / "public.key"
    public.write_text("x")
    public.chmod(0o644)
    with pytest.raises(SettingsError, match=r"FIELDREC_CA_KEY names .* which others than its owner may read"):
        Settings.from_env({**environ, "FIELDREC_CA_KEY": str(public)})
    assert secretstore.read(cloud_stores.material.ca_key).startswith(b"-----BEGIN PRIVATE KEY")
    with pytest.raises(SecretError, match="none: No such file"):
        secretstore.read(tmp_path / "none")
