"""A folder of signing keys: a root that signs the keyring, and a release key that the keyring names.

root.pem, release.pem    private keys (SEC 1, PEM), mode 600; the root's belongs offline
roots.json               public keys of the roots, put on every device when it is made
keyring.json             the keyring (wire/trust), signed by the root
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path

import ecdsa

from tools import signing
from wire import dsse, frel, trust


def new(folder: Path, kinds: Iterable[str] = ("app",)) -> dict[str, str]:
    """Make both keys and both files; {"root": keyid, "release": keyid}. FileExistsError if any is there."""
    kinds = sorted(set(kinds))
    if not kinds or not set(kinds) <= set(frel.KINDS):
        raise ValueError(f"kinds are {' and '.join(frel.KINDS)}, not {', '.join(kinds) or 'none'}")
    for name in ("root.pem", "release.pem", "roots.json", "keyring.json"):
        if (folder / name).exists():
            raise FileExistsError(
                f"{folder / name} exists: keys are never overwritten, choose another folder"
            )
    folder.mkdir(parents=True, exist_ok=True)
    root, release = _new_key(folder / "root.pem"), _new_key(folder / "release.pem")
    root_id, release_id = signing.key_id(root), signing.key_id(release)
    roots = {"keys": {root_id: signing.public_key(root).hex()}, "threshold": 1}
    (folder / "roots.json").write_bytes(signing.canonical(roots))
    keys = {release_id: {"public": signing.public_key(release).hex(), "kinds": kinds}}
    write_keyring(
        folder / "keyring.json", {"version": 1, "keys": keys, "revoked": [], "threshold": 1}, [root]
    )
    return {"root": root_id, "release": release_id}


def write_keyring(path: Path, keyring: dict, root_keys: Iterable[ecdsa.SigningKey]) -> None:
    """Sign a keyring (wire/trust) with root keys and write its envelope."""
    payload = signing.canonical(keyring)
    signatures = [signing.sign(key, dsse.PAYLOAD_TYPE_KEYRING, payload) for key in root_keys]
    path.write_bytes(dsse.pack(dsse.PAYLOAD_TYPE_KEYRING, payload, signatures))


def open_keyring(roots: Path, keyring: Path) -> dict:
    """The keyring of two files, verified. TrustError says why not."""
    try:
        known = json.loads(roots.read_bytes())
    except ValueError as error:
        raise trust.TrustError(f"{roots} is not JSON: {error}") from None
    return trust.open_keyring(keyring.read_bytes(), known, signing.verify)


def listing(folder: Path) -> list[dict]:
    """One row a key: {"keyid", "role", "kinds", "revoked", "private": its file here or None}."""
    keyring = open_keyring(folder / "roots.json", folder / "keyring.json")
    roots = json.loads((folder / "roots.json").read_bytes())
    here = {signing.key_id(signing.load_key(path)): path.name for path in sorted(folder.glob("*.pem"))}
    rows = [(keyid, "root", ["keyring"]) for keyid in sorted(roots["keys"])]
    rows += [(keyid, "release", key["kinds"]) for keyid, key in sorted(keyring["keys"].items())]
    return [
        {
            "keyid": keyid,
            "role": role,
            "kinds": kinds,
            "revoked": keyid in keyring["revoked"],
            "private": here.get(keyid),
        }
        for keyid, role, kinds in rows
    ]


def _new_key(path: Path) -> ecdsa.SigningKey:
    key = ecdsa.SigningKey.generate(ecdsa.NIST256p)
    # never readable to others, not even at first
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.to_pem())
    return key
