"""Where releases are kept: content-addressed, fetched by devices over presigned URLs.

A key is `sha256/HEX`, the SHA-256 of what it names: an object never changes, and may be put twice.
"""

import hashlib
import re
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from cloud.settings import Settings

_KEY = re.compile(r"sha256/[0-9a-f]{64}")


class KeyMismatch(ValueError):
    """A key is malformed, or does not name the data that was to be put under it."""


class ObjectStore(Protocol):
    def put(self, key: str, data: Path | bytes) -> None:
        """Raises KeyMismatch unless `key` is the hash of `data` (a file, or bytes)."""

    def presign(self, key: str, expires_s: int) -> str:
        """A URL by which anyone may GET the object, whole or in ranges, for so long."""

    def exists(self, key: str) -> bool: ...

    def delete(self, key: str) -> None:
        """Does nothing if there is no such object."""


def key_of(data: Path | bytes) -> str:
    if isinstance(data, bytes):
        return f"sha256/{hashlib.sha256(data).hexdigest()}"
    with data.open("rb") as file:
        return f"sha256/{hashlib.file_digest(file, 'sha256').hexdigest()}"


def check_key(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise KeyMismatch(f"key {key!r} is not of the form sha256/HEX")
    return key


def check_content(key: str, data: Path | bytes) -> None:
    if (actual := key_of(data)) != check_key(key):
        raise KeyMismatch(f"the data put as {key} has the hash {actual}")


def open_store(settings: Settings) -> ObjectStore:
    """The store that the settings name; boto3 is only imported if it is S3."""
    url = urlsplit(settings.objects_url)
    if url.scheme == "s3":
        from cloud.objects.s3 import S3Store

        return S3Store(url.netloc, settings.objects_endpoint)
    from cloud.objects.folder import FolderStore

    assert settings.objects_key_file and settings.objects_public_url  # Settings.from_env saw to it
    return FolderStore(Path(url.path), settings.objects_key_file.read_bytes(), settings.objects_public_url)
