"""A folder of signing keys: a root that signs the keyring, and a release key that the keyring names.

root.pem, release.pem    private keys (SEC 1, PEM), mode 600; the root's belongs offline
roots.json               public keys of the roots, put on every device when it is made
keyring.json             the keyring (wire/trust), signed by the roots
keyring.N.json           keyring number N, which brought new roots: devices that still have the old ones need it
keyring.next.json        a change that some roots have yet to sign (tools/keyring)
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path

import ecdsa

from tools import signing
from wire import dsse, frel, trust

ROOTS, KEYRING, NEXT = "roots.json", "keyring.json", "keyring.next.json"


def new(folder: Path, kinds: Iterable[str] = ("app",)) -> dict[str, str]:
    """Make both keys and both files; {"root": keyid, "release": keyid}. FileExistsError if any is there."""
    kinds = checked_kinds(kinds)
    for name in ("root.pem", "release.pem", ROOTS, KEYRING):
        if (folder / name).exists():
            raise FileExistsError(
                f"{folder / name} exists: keys are never overwritten, choose another folder"
            )
    folder.mkdir(parents=True, exist_ok=True)
    root, release = generate(folder / "root.pem"), generate(folder / "release.pem")
    root_id, release_id = signing.key_id(root), signing.key_id(release)
    roots = {"version": 1, "keys": {root_id: signing.public_key(root).hex()}, "threshold": 1}
    (folder / ROOTS).write_bytes(signing.canonical(roots))
    keys = {release_id: {"public": signing.public_key(release).hex(), "kinds": kinds}}
    write_keyring(folder / KEYRING, {"version": 1, "keys": keys, "revoked": [], "threshold": 1}, [root])
    return {"root": root_id, "release": release_id}


def checked_kinds(kinds: Iterable[str]) -> list[str]:
    kinds = sorted(set(kinds))
    if not kinds or not set(kinds) <= set(frel.KINDS):
        raise ValueError(f"kinds are {' and '.join(frel.KINDS)}, not {', '.join(kinds) or 'none'}")
    return kinds


def generate(path: Path) -> ecdsa.SigningKey:
    """A new private key in a file that nobody else can read, not even at first. FileExistsError."""
    key = ecdsa.SigningKey.generate(ecdsa.NIST256p)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.to_pem())
    return key


def write_keyring(
    path: Path, keyring: dict, root_keys: Iterable[ecdsa.SigningKey | signing.Signer] = ()
) -> None:
    """Sign a keyring (wire/trust) with root keys and write its envelope."""
    payload = signing.canonical(keyring)
    write_envelope(
        path, payload, [signing.sign(key, dsse.PAYLOAD_TYPE_KEYRING, payload) for key in root_keys]
    )


def write_envelope(path: Path, payload: bytes, signatures: list[signing.Signature]) -> None:
    envelope = dsse.pack(dsse.PAYLOAD_TYPE_KEYRING, payload, signatures)
    dsse.parse(envelope)  # as many signatures as a device takes
    if len(envelope) > frel.MAX_KEYRING:
        raise ValueError(f"a keyring of {len(envelope)} bytes; devices take {frel.MAX_KEYRING} at most")
    replace(path, envelope)


def replace(path: Path, content: bytes) -> None:
    new = path.with_name(path.name + ".new")
    new.write_bytes(content)
    new.replace(path)


def load_roots(path: Path) -> dict:
    try:
        roots = json.loads(path.read_bytes())
    except ValueError as error:
        raise trust.TrustError(f"{path} is not JSON: {error}") from None
    trust.check_roots("roots", roots)
    return roots


def open_keyring(roots: Path, keyring: Path) -> dict:
    """The keyring of two files, verified. TrustError says why not."""
    known = load_roots(roots)
    return trust.open_keyring(keyring.read_bytes(), known, signing.verify)


def in_front(folder: Path) -> list[bytes]:
    """The keyrings to put in front of a release: those that brought new roots, oldest first, and the newest."""
    newest = (folder / KEYRING).read_bytes()
    paths = [path for path in folder.glob("keyring.*.json") if path.name != NEXT]
    found = {about(envelope)["version"]: envelope for envelope in [*(p.read_bytes() for p in paths), newest]}
    return [found[version] for version in sorted(found)]


def about(envelope: bytes) -> dict:
    """What a keyring says of itself, nothing verified: its fields, and "signed_by": [keyid]."""
    payload_type, payload, signatures = dsse.parse(envelope)
    try:
        keyring = json.loads(payload)
    except ValueError:
        keyring = None
    if payload_type != dsse.PAYLOAD_TYPE_KEYRING or not isinstance(keyring, dict) or "version" not in keyring:
        raise trust.TrustError("no keyring: it has no version, or is another kind of envelope")
    return {**keyring, "signed_by": [keyid for keyid, _ in signatures]}


def listing(folder: Path) -> list[dict]:
    """One row a key: {"keyid", "role", "kinds", "revoked", "private": its file here or None}."""
    roots, keyring = load_roots(folder / ROOTS), open_keyring(folder / ROOTS, folder / KEYRING)
    here = {trust.keyid(key.public): path.name for path, key in private_keys(folder)}
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


def private_keys(folder: Path) -> list[tuple[Path, signing.KeySigner]]:
    """Those in the folder. A .pem file may hold a public key alone."""
    files = [path for path in sorted(folder.glob("*.pem")) if "PRIVATE KEY" in path.read_text()]
    return [(path, signing.KeySigner(signing.load_key(path))) for path in files]
