"""A release as DDI's clients take it: one file, with its hashes, and where it is fetched.

They know nothing of `.frel`. A release of one file (a SWUpdate, a RAUC bundle, an image) is that file to them;
one of many files is the `.frel` itself.
"""

import asyncio
import hashlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from starlette.datastructures import State

from cloud.db import Pool
from cloud.objects import ObjectStore
from cloud.objects.folder import FolderStore
from cloud.ota.ddi.actions import Action

BLOCK = 64 * 1024


@dataclass(frozen=True)
class Artifact:
    """Hashes in hex. The object is this file, and nothing else."""

    filename: str
    object_key: str
    size: int
    sha1: str
    md5: str

    @property
    def sha256(self) -> str:
        return self.object_key.removeprefix("sha256/")


class Artifacts:
    """Takes a release's file out of it once, when it is first asked for."""

    def __init__(self, pool: Pool, objects: ObjectStore):
        self._pool, self._objects = pool, objects
        self._making = asyncio.Lock()  # a fleet that asks at once costs one pass

    async def of(self, action: Action) -> Artifact:
        if found := await self._known(action):
            return found
        async with self._making:
            if found := await self._known(action):
                return found
            made = await asyncio.to_thread(make_artifact, self._objects, action, await self._manifest(action))
            async with self._pool.connection() as connection:
                await connection.execute(_KEEP, [action.object_key, *_row(made)])
        return made

    async def _manifest(self, action: Action) -> dict:
        async with self._pool.connection() as connection:
            rows = await connection.execute(
                "SELECT manifest FROM releases WHERE digest = %s", [action.digest]
            )
            (row,) = await rows.fetchall()
        return json.loads(row["manifest"])

    async def _known(self, action: Action) -> Artifact | None:
        async with self._pool.connection() as connection:
            rows = await connection.execute(_KNOWN, [action.object_key])
            row = await rows.fetchone()
        return Artifact(**row) if row else None


def artifacts_of(state: State) -> Artifacts:
    """The one of this app."""
    if not hasattr(state, "ddi_artifacts"):
        state.ddi_artifacts = Artifacts(state.pool, state.objects)
    return state.ddi_artifacts


def blocks(store: ObjectStore, key: str, begin: int, end: int) -> Iterator[bytes]:
    """The bytes of an object from `begin` to before `end`."""
    if isinstance(store, FolderStore):
        yield from _from_file(store.path(key), begin, end)
    else:
        from cloud.objects.s3 import S3Store  # with boto3, which only an S3 needs

        assert isinstance(store, S3Store), f"no way to read from a {type(store).__name__}"
        span = f"bytes={begin}-{end - 1}"
        yield from store.client.get_object(Bucket=store.bucket, Key=key, Range=span)["Body"].iter_chunks(
            BLOCK
        )


def _from_file(path: Path, begin: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(begin)
        while begin < end and (block := file.read(min(BLOCK, end - begin))):
            begin += len(block)
            yield block


def make_artifact(store: ObjectStore, action: Action, manifest: dict) -> Artifact:
    """The file that `action` brings, as an object of its own. A second time makes the same."""
    whole, files = action.object_key, manifest["files"]
    if len(files) != 1:
        sha1, md5 = _copy(blocks(store, whole, 0, action.size))
        return Artifact(f"{action.name}-{action.version}.frel", whole, action.size, sha1, md5)
    (file,) = files
    begin = action.size - manifest["payload"]["size"]  # the payload comes last in a .frel
    with tempfile.NamedTemporaryFile(prefix="fieldrec-") as copy:
        sha1, md5 = _copy(blocks(store, whole, begin, begin + file["size"]), copy)
        copy.flush()
        store.put(f"sha256/{file['sha256']}", Path(copy.name))  # which sees that the bytes are those
    return Artifact(PurePosixPath(file["path"]).name, f"sha256/{file['sha256']}", file["size"], sha1, md5)


def _copy(source: Iterator[bytes], to: IO[bytes] | None = None) -> tuple[str, str]:
    """Its SHA-1 and MD5: clients compare them, nobody's trust is in them."""
    sha1, md5 = hashlib.sha1(usedforsecurity=False), hashlib.md5(usedforsecurity=False)
    for block in source:
        for each in (sha1, md5):
            each.update(block)
        if to:
            to.write(block)
    return sha1.hexdigest(), md5.hexdigest()


def _row(made: Artifact) -> list:
    return [made.filename, made.object_key, made.size, made.sha1, made.md5]


_KNOWN = "SELECT filename, object_key, size, sha1, md5 FROM ddi_artifacts WHERE source_key = %s"

_KEEP = """
INSERT INTO ddi_artifacts (source_key, filename, object_key, size, sha1, md5) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""
