"""Everything on the flash of a new board: the SPL, the first slot, and who the device is."""

import json
import os
import secrets
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tools import keys, release, release_build

PROJECT = release_build.PROJECT
_SCRIPTS = ("boot.py", "main.py")  # MicroPython runs these by name, as source


@dataclass
class Identity:
    """Who a device is, and whom it trusts."""

    device_id: str
    board: str
    keys: Path  # a folder with roots.json and keyring.json
    cloud: str = ""
    ca_der: bytes = b""
    claim: str = ""
    settings: dict = field(default_factory=dict)


def first_flash(identity: Identity, folder: Path) -> dict[str, bytes]:
    """As `files`, with release 1.0.0 of this tree, built in `folder`; keys are made if there are none."""
    if not (identity.keys / "roots.json").exists():
        keys.new(identity.keys)
    first = release.build("1.0.0", [identity.board], folder)
    release.sign(first, identity.keys / "release.pem")
    return files(identity, first)


def new_pin() -> str:
    """8 random digits: what the local page asks for. They belong on the device's label, and nowhere else."""
    return f"{secrets.randbelow(10**8):08}"


def der(certificate: Path | None) -> bytes:
    """A PEM certificate as devices read it; nothing of nothing."""
    return ssl.PEM_cert_to_DER_cert(certificate.read_text()) if certificate else b""


def files(identity: Identity, first_release: Path) -> dict[str, bytes]:
    """{path on the board: content} for a device whose slot `a` holds `first_release`."""
    secret = os.urandom(32)
    return spl_files(identity.board) | _etc(identity, secret) | _slot("a", first_release, secret)


def spl_files(board: str) -> dict[str, bytes]:
    """The SPL with its own copies of board/ and wire/, compiled; boot.py and main.py as they are."""
    content = {name: (PROJECT / "bootloader" / name).read_bytes() for name in _SCRIPTS}
    for path, origin in release_build.sources(PROJECT, [board], ("bootloader", "board", "wire")).items():
        if Path(origin).name not in _SCRIPTS:
            content[path] = release_build.content(PROJECT / origin, origin)
    return content


def _etc(identity: Identity, secret: bytes) -> dict[str, bytes]:
    device = {"id": identity.device_id, "board": identity.board, "cloud": identity.cloud}
    content = {
        "etc/device.json": json.dumps(device).encode(),
        "etc/settings.json": json.dumps(identity.settings).encode(),
        "etc/seal.key": secret,
        "etc/ca.der": identity.ca_der,
        "etc/claim.txt": identity.claim.encode(),
        "etc/roots.json": (identity.keys / "roots.json").read_bytes(),
        "etc/keyring.json": (identity.keys / "keyring.json").read_bytes(),
    }
    return {path: data for path, data in content.items() if data}


def _slot(slot: str, frel: Path, secret: bytes) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        release.unpack(frel, root, secret)
        return {
            f"{slot}/{p.relative_to(root).as_posix()}": p.read_bytes() for p in root.rglob("*") if p.is_file()
        }
