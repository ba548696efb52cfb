"""Signing by a PKCS#11 token, the real SoftHSM2; and the URIs that name one."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import keyring, keys, release, signers, signing
from tools.signers import SignerError, pkcs11
from wire import dsse, trust

PIN = "1234"
MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
KEYS = {"app": ("secp256r1", b"\x01"), "root": ("secp256r1", b"\x02"), "other": ("secp384r1", b"\x03")}


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The path of SoftHSM2's module, set up with two tokens: `rel`, with KEYS in it, and `empty`."""
    library = pytest.importorskip("pkcs11", reason="needs python-pkcs11: pip install -e '.[pkcs11]'")
    found = [path for path in MODULES if Path(path).exists()]
    if not found or not shutil.which("softhsm2-util"):
        pytest.skip("needs SoftHSM2: as root, apt install softhsm2")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        patch.delenv("FIELDREC_PKCS11_MODULE", raising=False)
        patch.setenv("FIELDREC_PKCS11_PIN", PIN)
        for label in ("rel", "empty"):
            command = ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "5678"]
            subprocess.run([*command, "--pin", PIN], check=True, capture_output=True, timeout=20)
        _make_keys(library, found[0])
        yield found[0]


def _make_keys(library, path: str) -> None:
    from pkcs11.util.ec import encode_named_curve_parameters

    with library.lib(path).get_token(token_label="rel").open(rw=True, user_pin=PIN) as session:
        for label, (curve, name) in KEYS.items():
            parameters = {library.Attribute.EC_PARAMS: encode_named_curve_parameters(curve)}
            domain = session.create_domain_parameters(library.KeyType.EC, parameters, local=True)
            domain.generate_keypair(store=True, label=label, id=name)


@pytest.fixture
def uri(module: str) -> str:
    return f"pkcs11:token=rel;object=app?module-path={module}"


def test_a_token_signs_a_release_that_verifies(uri, signed, signing_keys):
    keyid = release.sign(signed, uri)
    assert keyid == trust.keyid(signers.public_of(uri))
    keyring.add(signing_keys, signers.public_of(uri), ["app"])
    keyring.revoke(signing_keys, signing.key_id(signing.load_key(signing_keys / "release.pem")))
    manifest = release.verify(signed, signing_keys / "roots.json", signing_keys / "keyring.json")
    assert manifest["version"] == "1.1.0" and keyid in release.inspect(signed)["signed_by"]


def test_a_root_in_a_token_signs_keyrings(module, signing_keys):
    root = f"pkcs11:token=rel;id=%02?module-path={module}"
    old = signing.key_id(signing.load_key(signing_keys / "root.pem"))
    outcome = keyring.change_roots(
        signing_keys, [signers.public_of(root)], [old], roots=[root, str(signing_keys / "root.pem")]
    )
    assert outcome.missing == "" and len(outcome.signed_by) == 2
    assert keyring.set_threshold(signing_keys, 1, [root]).version == 3
    assert keys.open_keyring(signing_keys / "roots.json", signing_keys / "keyring.json")["version"] == 3


def test_module_and_pin_from_elsewhere(module, monkeypatch, tmp_path):
    monkeypatch.setenv("FIELDREC_PKCS11_MODULE", module)
    assert len(signers.public_of("pkcs11:token=rel;object=app;type=private")) == 64
    monkeypatch.delenv("FIELDREC_PKCS11_PIN")
    (tmp_path / "pin").write_text(PIN + "\n")
    assert len(signers.public_of(f"pkcs11:token=rel;object=app?pin-source=file:{tmp_path}/pin")) == 64


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("token=none", "0 tokens fit, not one: there are .*empty, rel"),
        ("token=rel", "3 EC private keys of the token fit, not one: say which by object= or id="),
        ("token=rel;object=none", "0 EC private keys of the token fit"),
        ("token=empty", "0 EC private keys of the token fit"),
        ("token=rel;object=app;id=%02", "0 EC private keys of the token fit"),
        ("token=rel;object=other", "key other of the token is not on P-256"),
    ],
)
def test_which_token_and_key_must_be_clear(path, words, module):
    with pytest.raises(SignerError, match=words), signers.opened(f"pkcs11:{path}?module-path={module}"):
        pass


def test_a_wrong_pin_and_a_wrong_module_are_named(uri, module, monkeypatch):
    for pin, words in (("9999", "pkcs11:token=rel;object=app: PinIncorrect"), ("", "the token wants a PIN")):
        monkeypatch.setenv("FIELDREC_PKCS11_PIN", pin)
        with pytest.raises(SignerError, match=words), signers.opened(uri):
            pass
    with (
        pytest.raises(SignerError, match=r"cannot open shared object file"),
        signers.opened("pkcs11:token=rel?module-path=/none.so"),
    ):
        pass
    with pytest.raises(SignerError, match="which PKCS#11 module"), signers.opened("pkcs11:token=rel"):
        pass


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        (
            "pkcs11:token=a;slot-id=3",
            "slot-id is not one of id, manufacturer, model, object, serial, token, type",
        ),
        ("pkcs11:token=a;token=b", "token is twice"),
        ("pkcs11:token=a?module-name=x", "module-name is not one of module-path, pin-source"),
        ("pkcs11:token=a?pin-value=1234", "no PIN in a command line; use pin-source=file:FILE"),
        ("pkcs11:token=a;type=cert", "type is cert, only a private key can sign"),
    ],
)
def test_uris_that_say_what_is_not_understood(uri, words):
    with pytest.raises(SignerError, match=words) as caught:
        pkcs11.parse(uri)
    assert "1234" not in str(caught.value)


def test_a_uri_s_percent_encoding():
    path, query = pkcs11.parse("pkcs11:token=my%20token;id=%01%3b?module-path=/a%20b.so")
    assert path == {"token": "my token", "id": "%01%3b"} and query == {"module-path": "/a b.so"}


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pkcs11", None)
    with (
        pytest.raises(SignerError, match=r"pip install 'fieldrec\[pkcs11\]'"),
        signers.opened("pkcs11:token=a"),
    ):
        pass


def test_a_signature_from_elsewhere_is_verified_before_it_is_used(monkeypatch):
    class Broken:
        public = signing.public_key(signing.ecdsa.SigningKey.generate(signing.ecdsa.NIST256p))

        def sign(self, digest: bytes) -> bytes:
            return bytes(64)

    checked = signers.Checked(Broken(), "pkcs11:token=a")
    with pytest.raises(SignerError, match="pkcs11:token=a gave a signature that its own public key does not"):
        signing.sign(checked, dsse.PAYLOAD_TYPE_MANIFEST, b"{}")
