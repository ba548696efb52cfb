"""What update tests need: a device's file system in a folder, signed releases, and a server for them."""

import hashlib
import hmac
import json
import os
import random
from pathlib import Path

from tests.network.lab import Authority, Handler, WebServer
from tools import keys, release
from wire import dsse, frel

FIELDS = {
    "kind": "app",
    "name": "fieldrec",
    "version": "1.0.0",
    "security_version": 1,
    "boards": ["virtual"],
    "requires": {"runtime": "1.26.0", "app": "0.0.0"},
    "created": "2026-01-01T00:00:00Z",
}


def content(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


# sizes around the chunk's, an empty file, and one of a few chunks
OLD = {
    "app/main.mpy": content(5 * 4096 + 100, 1),
    "app/empty.mpy": b"",
    "app/whole.mpy": content(2 * 4096, 2),
    "board/pins.mpy": content(300, 3),
    "wire/topics.mpy": content(4097, 4),
}


class Workshop:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = folder / "keys"
        keys.new(self.keys)

    def release(self, contents: dict[str, bytes], key: Path | None = None, **fields: object) -> Path:
        """A release signed by the release key, or by the key of that file."""
        path = self.folder / f"{random.randbytes(8).hex()}.frel"
        path.write_bytes(release.pack({**FIELDS, **fields}, contents))
        release.sign(path, key or self.keys / "release.pem")
        return path

    def device(self, root: Path, contents: dict[str, bytes] = OLD) -> "Device":
        return Device(self, root, release.read(self.release(contents)))


class Device:
    """The file system of a device that runs a release in slot a; slot b is empty."""

    def __init__(
        self, workshop: Workshop, root: Path, running: release.Release, secret: bytes | None = None
    ) -> None:
        self.root = root
        for name in ("etc", "data", "a", "b"):
            (root / name).mkdir(parents=True, exist_ok=True)
        for name in ("roots.json", "keyring.json"):
            (root / "etc" / name).write_bytes((workshop.keys / name).read_bytes())
        (root / "etc/seal.key").write_bytes(secret or os.urandom(32))
        who = {"id": "dev-1", "board": "virtual", "cloud": "https://127.0.0.1:1"}
        (root / "etc/device.json").write_text(json.dumps(who))
        self.fill("a", running)

    def fill(self, slot: str, running: release.Release) -> None:
        """Put a release into a slot, sealed."""
        _, manifest, _ = dsse.parse(running.envelope)
        for file in json.loads(manifest)["files"]:
            path = self.root / slot / file["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(running.payload[file["offset"] : file["offset"] + file["size"]])
        (self.root / slot / "manifest.json").write_bytes(manifest)
        seal = hmac.new((self.root / "etc/seal.key").read_bytes(), manifest, "sha256").digest()
        (self.root / slot / "seal").write_bytes(seal)

    def files(self, slot: str) -> dict[str, bytes]:
        """What a slot holds, but for manifest and seal."""
        folder = self.root / slot
        found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        return {name: path.read_bytes() for name, path in found.items() if name not in frel.RESERVED}

    def untouchable(self) -> dict[str, bytes]:
        """All that a refused update must leave as it is: the running slot and the boot record."""
        record = self.root / "boot.json"
        return {
            **{path.as_posix(): path.read_bytes() for path in (self.root / "a").rglob("*") if path.is_file()},
            "boot.json": record.read_bytes() if record.exists() else b"",
        }

    def record(self) -> dict:
        return json.loads((self.root / "boot.json").read_bytes().split(b"\n")[0])

    def sealed(self, slot: str) -> bool:
        return (self.root / slot / "seal").exists()


class ReleaseServer(WebServer):
    """Serves one release by Range. `faults` are taken one a request, first to last; None is none."""

    def __init__(self, authority: Authority, path: Path, *faults: object) -> None:
        super().__init__(authority, self._serve)
        self.data = path.read_bytes()
        self.digest = release.inspect(path)["digest"]
        self.faults = list(faults)

    def _serve(self, handler: Handler) -> None:
        fault = self.faults.pop(0) if self.faults else None
        if fault:
            fault(handler, self.data)  # type: ignore[operator]
        else:
            handler.reply_range(self.data)

    @property
    def payload_ranges(self) -> list[tuple[int, int]]:
        """(start, end) in the payload of each request for a part of it."""
        envelope, index, _ = frel.parse_header(self.data)
        start = frel.HEADER_SIZE + envelope + index
        bounds = [
            tuple(map(int, asked.removeprefix("bytes=").split("-"))) for _, _, asked in self.requests if asked
        ]
        return [(first - start, last + 1 - start) for first, last in bounds if first >= start]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
