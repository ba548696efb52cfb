"""Settings from the environment: what is missing or unsafe is refused, in words."""

import os

import pytest

from cloud import pki
from cloud.settings import Settings, SettingsError


@pytest.fixture
def environ(tmp_path):
    for name, content in (("public", b"x"), ("secret", b"s"), ("token", b"t" * 32)):
        pki.write_secret(tmp_path / name, content)
    public, secret, token = (str(tmp_path / name) for name in ("public", "secret", "token"))
    return {
        "FIELDREC_POSTGRES_URL": "postgresql://u:hidden@db/x",
        "FIELDREC_REDIS_URL": "redis://127.0.0.1:6379/0",
        "FIELDREC_ETCD_URL": "http://127.0.0.1:2379",
        "FIELDREC_MQTT_PORT": "8883",
        "FIELDREC_MQTT_CERT": public,
        "FIELDREC_MQTT_KEY": secret,
        "FIELDREC_CA_CERT": public,
        "FIELDREC_TLS_CERT": public,
        "FIELDREC_TLS_KEY": secret,
        "FIELDREC_OBJECTS_URL": "file:///var/objects",
        "FIELDREC_OBJECTS_PUBLIC_URL": "https://127.0.0.1:8445/",
        "FIELDREC_OBJECTS_KEY_FILE": secret,
        "FIELDREC_ADMIN_TOKEN_FILE": token,
        "FIELDREC_ROOTS": public,
        "FIELDREC_KEYRING": public,
        "FIELDREC_REGISTRATION_PORT": "8443",
        "FIELDREC_OTA_PORT": "8444",
    }


def refusal(environ) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environ)
    return str(caught.value)


def test_complete(environ):
    settings = Settings.from_env(environ)
    assert settings.mqtt_port == 8883
    assert settings.admin_token == "t" * 32
    assert settings.objects_public_url == "https://127.0.0.1:8445"
    assert settings.ca_key is None
    assert "hidden" not in repr(settings)


def test_all_that_is_missing_is_named_at_once():
    words = refusal({})
    assert len(words.splitlines()) == 15
    assert "FIELDREC_POSTGRES_URL is not set" in words


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("POSTGRES_URL", "postgresql://u@db/x", "has no password"),
        ("POSTGRES_URL", "mysql://u:p@db/x", "has scheme 'mysql'"),
        ("REDIS_URL", "redis://cache.example/0", "cache.example is another machine"),
        ("ETCD_URL", "http://etcd.example:2379", "is not encrypted"),
        ("MQTT_PORT", "0", "give a number from 1 to 65535"),
        ("MQTT_PORT", "65536", "give a number from 1 to 65535"),
        ("MQTT_PORT", "-1", "give a number from 1 to 65535"),
        ("CA_CERT", "/nowhere/ca.pem", "which is no file"),
        ("OBJECTS_URL", "file://host/objects", "must be an absolute folder"),
        ("OBJECTS_PUBLIC_URL", "http://127.0.0.1:1", "has scheme 'http'"),
        ("OBJECTS_PUBLIC_URL", "", "is not set"),
        ("OBJECTS_KEY_FILE", "", "is not set"),
    ],
)
def test_unsafe_values_are_refused(environ, variable, value, words):
    environ[f"FIELDREC_{variable}"] = value
    assert f"FIELDREC_{variable} " in refusal(environ)
    assert words in refusal(environ)


def test_s3_needs_no_folder_settings(environ):
    environ |= {"FIELDREC_OBJECTS_URL": "s3://bucket", "FIELDREC_OBJECTS_PUBLIC_URL": ""}
    del environ["FIELDREC_OBJECTS_KEY_FILE"]
    assert Settings.from_env(environ).objects_key_file is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_secret_that_others_may_read_is_refused(environ, tmp_path, mode):
    (tmp_path / "secret").chmod(mode)
    assert "which others than its owner may read; run: chmod 600" in refusal(environ)


@pytest.mark.parametrize(("mode", "taken"), [(0o440, True), (0o640, True), (0o460, False), (0o444, False)])
def test_secret_of_somebody_else_may_be_for_our_group(environ, tmp_path, mode, taken):
    """As Kubernetes mounts one: root's, for the pod's group."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to give a file away")
    (tmp_path / "secret").chmod(mode)
    os.chown(tmp_path / "secret", 12345, 12345)
    if taken:
        assert Settings.from_env(environ).mqtt_key == tmp_path / "secret"
    else:
        assert "which others than its owner may read" in refusal(environ)


def test_first_process_has_no_number(environ):
    assert Settings.from_env(environ | {"FIELDREC_INSTANCE": "1"}).instance == ""
    assert Settings.from_env(environ | {"FIELDREC_INSTANCE": "2"}).instance == "2"


def test_short_admin_token_is_refused(environ, tmp_path):
    (tmp_path / "token").write_text("t" * 31)
    assert "a token of 31 characters" in refusal(environ)
