"""Folders in one encrypted file: a tar archive under AES-256-GCM, whose key is kept elsewhere."""

import io
import os
import secrets
import tarfile
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloud.pki import write_secret

MAGIC = b"fieldrec-sealed-1\n"
KEY_BYTES, NONCE_BYTES = 32, 12


class SealError(ValueError):
    """The file can't be opened; the text says why."""


def new_key(path: Path) -> None:
    write_secret(path, secrets.token_hex(KEY_BYTES).encode())


def read_key(path: Path) -> bytes:
    """Raises SealError, OSError."""
    try:
        key = bytes.fromhex(path.read_text())
    except ValueError as error:
        raise SealError(f"{path} is no key: {error}") from error
    if len(key) != KEY_BYTES:
        raise SealError(f"{path} is no key: it has {len(key)} bytes, not {KEY_BYTES}")
    return key


def seal(folders: Iterable[Path], file: Path, key: bytes) -> None:
    """Each folder under its own name, with the modes of its files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for folder in folders:
            tar.add(folder, folder.name)
    nonce = os.urandom(NONCE_BYTES)
    write_secret(file, MAGIC + nonce + AESGCM(key).encrypt(nonce, packed.getvalue(), MAGIC))


def unseal(file: Path, into: Path, key: bytes) -> None:
    """Raises SealError if it is damaged, or sealed with another key."""
    data = file.read_bytes()
    nonce, sealed = data[len(MAGIC) :][:NONCE_BYTES], data[len(MAGIC) + NONCE_BYTES :]
    if not data.startswith(MAGIC):
        raise SealError(f"{file} is none of ours")
    try:
        packed = AESGCM(key).decrypt(nonce, sealed, MAGIC)
    except InvalidTag as error:
        raise SealError(f"{file} was sealed with another key, or is damaged") from error
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Debian's Python 3.11.2 has none
        tar.extractall(into)
