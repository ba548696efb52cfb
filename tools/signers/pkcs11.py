"""Signing by a PKCS#11 token, named by a URI (RFC 7512).

    pkcs11:token=LABEL;object=LABEL?module-path=FILE&pin-source=file:FILE

In the path, `token`, `manufacturer`, `serial`, `model` say which token, `object`, `id` which key; of those given
all must hold, and one key must be left. The module may come from FIELDREC_PKCS11_MODULE instead, and the PIN from
FIELDREC_PKCS11_PIN. `pin-value` is refused: a command line can be read by everybody on the machine.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from tools.signers import SignerError

_TOKEN = {"token": "label", "manufacturer": "manufacturer_id", "serial": "serial", "model": "model"}
_PATH = {*_TOKEN, "object", "id", "type"}
_QUERY = {"module-path", "pin-source"}
_P256 = bytes.fromhex("06082a8648ce3d030107")  # DER of the curve's OID, RFC 5480 2.1.1.1
_POINT = b"\x04\x41\x04"  # DER octet string around an uncompressed point


class TokenSigner:
    """`key` is the token's private key; `public` x and y, 64 bytes."""

    def __init__(self, key: Any, public: bytes, mechanism: Any) -> None:
        self.public, self._key, self._mechanism = public, key, mechanism

    def sign(self, digest: bytes) -> bytes:
        """CKM_ECDSA: over a digest made here, r and s as 32 bytes each (PKCS #11 v3.1, 6.3.12)."""
        return self._key.sign(digest, mechanism=self._mechanism)


def parse(uri: str) -> tuple[dict[str, str], dict[str, str]]:
    """(path attributes, query attributes) of a URI, percent-encoding undone except in `id`."""
    path, _, query = uri.removeprefix("pkcs11:").partition("?")
    attributes = _pairs(uri, path, ";", _PATH)
    if attributes.get("type", "private") != "private":
        raise SignerError(f"{uri}: type is {attributes['type']}, only a private key can sign")
    if "pin-value" in query:
        raise SignerError(f"{uri.partition('?')[0]}: no PIN in a command line; use pin-source=file:FILE")
    return attributes, _pairs(uri, query, "&", _QUERY)


@contextmanager
def opened(uri: str) -> Iterator[TokenSigner]:
    try:
        import pkcs11
    except ImportError:
        raise SignerError("signing by token needs python-pkcs11: pip install 'fieldrec[pkcs11]'") from None
    path, query = parse(uri)
    try:
        token = _token(pkcs11.lib(_module(query)), path)
        with token.open(user_pin=_pin(query)) as session:
            yield _signer(pkcs11, session, path)
    except pkcs11.PKCS11Error as error:
        raise SignerError(f"{uri.partition('?')[0]}: {_words(error)}") from None
    except RuntimeError as error:  # the module can't be loaded
        raise SignerError(str(error)) from None


def _pairs(uri: str, text: str, separator: str, known: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in filter(None, text.split(separator)):
        name, _, value = pair.partition("=")
        if name not in known or name in found:
            words = "twice" if name in found else f"not one of {', '.join(sorted(known))}"
            raise SignerError(f"{uri}: {name} is {words}")
        found[name] = value if name == "id" else unquote(value)
    return found


def _module(query: dict[str, str]) -> str:
    module = query.get("module-path") or os.environ.get("FIELDREC_PKCS11_MODULE")
    if not module:
        raise SignerError("which PKCS#11 module? Say module-path=FILE, or set FIELDREC_PKCS11_MODULE")
    return module


def _pin(query: dict[str, str]) -> str:
    source = query.get("pin-source")
    if source:
        return Path(source.removeprefix("file:")).read_text().strip()
    pin = os.environ.get("FIELDREC_PKCS11_PIN")
    if not pin:
        raise SignerError("the token wants a PIN: say pin-source=file:FILE, or set FIELDREC_PKCS11_PIN")
    return pin


def _token(library: Any, path: dict[str, str]) -> Any:
    wanted = {_TOKEN[name]: value for name, value in path.items() if name in _TOKEN}
    tokens = [slot.get_token() for slot in library.get_slots(token_present=True)]
    found = [token for token in tokens if all(_text(token, name) == wanted[name] for name in wanted)]
    if len(found) != 1:
        names = ", ".join(sorted(_text(token, "label") or "(no label)" for token in tokens)) or "none"
        raise SignerError(f"{len(found)} tokens fit, not one: there are {names}")
    return found[0]


def _text(token: Any, name: str) -> str:
    value = getattr(token, name)
    return (value.decode() if isinstance(value, bytes) else value).strip()


def _signer(pkcs11: Any, session: Any, path: dict[str, str]) -> TokenSigner:
    wanted = {pkcs11.Attribute.KEY_TYPE: pkcs11.KeyType.EC}
    if "object" in path:
        wanted[pkcs11.Attribute.LABEL] = path["object"]
    if "id" in path:
        wanted[pkcs11.Attribute.ID] = unquote_to_bytes(path["id"])
    key = _only(session, pkcs11, wanted, pkcs11.ObjectClass.PRIVATE_KEY)
    wanted[pkcs11.Attribute.ID] = key[pkcs11.Attribute.ID]
    public = _only(session, pkcs11, wanted, pkcs11.ObjectClass.PUBLIC_KEY)
    if bytes(public[pkcs11.Attribute.EC_PARAMS]) != _P256:
        raise SignerError(f"key {key.label} of the token is not on P-256, which releases are signed on")
    point = bytes(public[pkcs11.Attribute.EC_POINT])
    return TokenSigner(key, point.removeprefix(_POINT)[-64:], pkcs11.Mechanism.ECDSA)


def _only(session: Any, pkcs11: Any, wanted: dict, kind: Any) -> Any:
    found = list(session.get_objects({**wanted, pkcs11.Attribute.CLASS: kind}))
    if len(found) != 1:
        what = kind.name.lower().replace("_", " ")
        raise SignerError(f"{len(found)} EC {what}s of the token fit, not one: say which by object= or id=")
    return found[0]


def _words(error: Exception) -> str:
    """The library names its errors by class, and often says no more."""
    return f"{type(error).__name__} {error}".strip()
