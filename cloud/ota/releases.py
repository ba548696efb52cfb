"""Releases: verified before anything else of the cloud, or a device, can see them."""

import asyncio
import tempfile
from pathlib import Path
from typing import IO, Literal

import psycopg
from fastapi import APIRouter, Request
from starlette.datastructures import State
from starlette.requests import ClientDisconnect

from cloud.access import PUBLISH
from cloud.db import audit
from cloud.ota.verify import Release, load_keyring, verify
from cloud.web import Refused
from wire import frel, trust

Kind = Literal["app", "runtime"]

router = APIRouter()


@router.post("/v1/releases", status_code=201, dependencies=PUBLISH)
async def publish(request: Request) -> dict:
    """The body is a `.frel` file; its kind says into which store it goes."""
    return await take(request)


@router.post("/v1/stores/{kind}/releases", status_code=201, dependencies=PUBLISH)
async def publish_to(kind: Kind, request: Request) -> dict:
    """The same into one store: of another kind the release is refused."""
    return await take(request, kind)


async def take(request: Request, kind: str | None = None) -> dict:
    state = request.app.state
    with tempfile.NamedTemporaryFile(prefix="fieldrec-", suffix=".frel") as file:
        await _receive(request, file)
        release = await asyncio.to_thread(_verified, Path(file.name), state)
        if kind not in (None, release.manifest["kind"]):
            raise Refused(
                422, f"this is the store of {kind} releases, not of {release.manifest['kind']} ones"
            )
        await _keep(release, Path(file.name), state, request.state.who.name)
    names = {name: release.manifest[name] for name in ("kind", "name", "version")}
    return {"digest": release.digest, **names, "size": release.size, "signed_by": release.signed_by}


async def _receive(request: Request, file: IO[bytes]) -> None:
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > frel.MAX_RELEASE:
                raise Refused(413, f"a release has at most {frel.MAX_RELEASE} bytes")
            file.write(part)
    except ClientDisconnect:
        raise Refused(400, f"upload ended after {size} bytes") from None
    file.flush()


def _verified(path: Path, state: State) -> Release:
    try:
        keyring = load_keyring(state.settings.roots, state.settings.keyring)  # read anew: keys get revoked
        return verify(path, keyring)
    except (frel.FormatError, trust.TrustError) as error:
        raise Refused(422, str(error)) from error


async def _keep(release: Release, path: Path, state: State, who: str) -> None:
    """The row first, which finds a version that is taken; then the object; the commit makes it visible."""
    key, now = f"sha256/{release.sha256}", state.clock()
    async with state.pool.connection() as connection:
        try:
            await connection.execute(_INSERT, _row(release, key) | {"now": now})
        except psycopg.errors.UniqueViolation:
            words = (
                f"{release.manifest['name']} {release.manifest['version']} exists already with another digest"
            )
            raise Refused(409, words) from None
        await asyncio.to_thread(state.objects.put, key, path)
        signers = ", ".join(release.signed_by)
        why = f"{release.manifest['name']} {release.manifest['version']} signed by {signers}"
        await audit(connection, now, who, "release.published", f"release:{release.digest}", why)


def _row(release: Release, key: str) -> dict:
    names = ("kind", "name", "version", "security_version", "boards")
    return {name: release.manifest[name] for name in names} | {
        "digest": release.digest,
        "manifest": release.manifest_bytes,
        "signed_by": release.signed_by,
        "size": release.size,
        "key": key,
    }


# The same release again may bring other signatures, and so be another file.
_INSERT = """
INSERT INTO releases (digest, kind, name, version, security_version, boards, manifest, signed_by, size,
                      object_key, published_at)
VALUES (%(digest)s, %(kind)s, %(name)s, %(version)s, %(security_version)s, %(boards)s, %(manifest)s,
        %(signed_by)s, %(size)s, %(key)s, %(now)s)
ON CONFLICT (digest) DO UPDATE
    SET signed_by = EXCLUDED.signed_by, size = EXCLUDED.size, object_key = EXCLUDED.object_key
"""
