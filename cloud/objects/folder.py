"""Objects as files in a folder, and URLs signed for them with HMAC-SHA256 over method, key and expiry."""

import datetime as dt
import hashlib
import hmac
import os
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from cloud.objects import check_content, check_key

METHODS = ("GET", "HEAD")


class Refused(Exception):
    """A request is refused with an HTTP status and words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


def signature(secret: bytes, method: str, key: str, expires: int) -> str:
    """Hex; `expires` in seconds since 1970."""
    return hmac.new(secret, f"{method}\n{key}\n{expires}".encode(), hashlib.sha256).hexdigest()


def check_request(secret: bytes, method: str, key: str, expires: str | None, signed: str | None) -> None:
    """Raises Refused unless the URL was signed by us for this very request, and is still valid."""
    if method not in METHODS:
        raise Refused(405, f"method {method} is not allowed")
    if not signed or not expires:
        raise Refused(401, "no signature")
    # "+5", "5 " and the like are numbers to int(), but never what we signed
    until = int(expires) if expires.isascii() and expires.isdigit() and len(expires) < 12 else -1
    if not hmac.compare_digest(signature(secret, method, key, until).encode(), signed.encode()):
        raise Refused(403, "signature does not match")
    if time.time() >= until:
        raise Refused(403, f"expired at {dt.datetime.fromtimestamp(until, dt.UTC):%Y-%m-%dT%H:%M:%SZ}")


@dataclass(frozen=True)
class FolderStore:
    folder: Path
    secret: bytes
    public_url: str

    def path(self, key: str) -> Path:
        return self.folder / check_key(key)

    def put(self, key: str, data: Path | bytes) -> None:
        check_content(key, data)
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        with new.open("xb") as file:
            if isinstance(data, bytes):
                file.write(data)
            else:
                with data.open("rb") as source:
                    shutil.copyfileobj(source, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)

    def presign(self, key: str, expires_s: int, method: str = "GET") -> str:
        expires = int(time.time()) + expires_s
        signed = signature(self.secret, method, check_key(key), expires)
        return f"{self.public_url}/{key}?{urlencode({'expires': expires, 'signature': signed})}"

    def exists(self, key: str) -> bool:
        return self.path(key).is_file()

    def delete(self, key: str) -> None:
        self.path(key).unlink(missing_ok=True)
