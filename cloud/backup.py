"""Backup of a running embedded cloud, and what its folder looks like.

DIR/base/TIME/   PostgreSQL's cluster, as it was at TIME; two are kept
DIR/wal/         what was written since, in pieces, within ARCHIVE_TIMEOUT_S: PostgreSQL puts them here by itself
DIR/objects/     the releases
DIR/secrets.sealed   CA, certificates, passwords and signing keys, under a key that must not be here
DIR/config.json  the live configuration

Redis is a cache, the broker's sessions are made again, and of etcd nothing else is worth keeping.
"""

import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg

from cloud import liveconfig, sealed
from cloud.embedded import process
from cloud.embedded.material import Material
from cloud.embedded.postgres import BIN, ROLE, Postgres
from cloud.processes import running

KEEP = 2  # base backups
STAMP = "%Y%m%dT%H%M%S.%fZ"
ARCHIVED_TIMEOUT_S = 60.0
TOOL_TIMEOUT_S = 3600

Progress = Callable[[str], None]


class BackupError(Exception):
    """It can't be backed up or restored; the text says why, and what to do."""


@dataclass(frozen=True)
class Folder:
    """The parts of a backup's folder."""

    path: Path

    @property
    def base(self) -> Path:
        return self.path / "base"

    @property
    def wal(self) -> Path:
        return self.path / "wal"

    @property
    def objects(self) -> Path:
        return self.path / "objects"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets.sealed"

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    def bases(self) -> list[tuple[datetime, Path]]:
        """When each was whole, the oldest first."""
        found = [path for path in self.base.glob("*Z") if (path / "backup_manifest").exists()]
        return sorted((datetime.strptime(path.name, STAMP).replace(tzinfo=UTC), path) for path in found)


def backup(data: Path, to: Path, key: bytes, progress: Progress = lambda words: None) -> Path:
    """A base backup, and all beside it; WAL files follow by themselves. Raises BackupError."""
    found, data, folder = running(data), data.resolve(), Folder(to.resolve())
    if found is None:
        raise BackupError(f"nothing runs in {data}; start it with: fieldrec cloud up --data {data}")
    if not (data / "postgres" / "cluster").exists() or not found["servers"].get("postgres"):
        raise BackupError("PostgreSQL is not the embedded one: back it up with its own tools")
    postgres = Postgres(data, found["ports"]["postgres"], Material(data).secret("postgres"))
    folder.path.mkdir(parents=True, exist_ok=True)
    progress("archive of what is written")
    begin_archive(postgres, folder)
    progress("PostgreSQL")
    made = _base(postgres, folder)
    progress("releases")
    copy_new(data / "objects", folder.objects)
    progress("secrets and configuration")
    kept = [data / "pki", data / "secrets", Path(found["keys"])]
    sealed.seal([each for each in kept if each.is_relative_to(data)], folder.secrets, key)
    with httpx.Client(base_url=found["urls"]["etcd"], trust_env=False) as etcd:
        folder.config.write_text(json.dumps(liveconfig.read_now(etcd)))
    finish(postgres, folder)
    prune(folder)
    return made


def begin_archive(postgres: Postgres, folder: Folder) -> None:
    """From now on PostgreSQL archives there. Its user has to get there, and write."""
    folder.wal.mkdir(parents=True, exist_ok=True)
    user = process.unprivileged_user()
    if user:
        user.own(folder.wal)
    test = subprocess.run(["/usr/bin/test", "-w", folder.wal], check=False, **(user.popen if user else {}))
    if test.returncode:
        raise BackupError(
            f"PostgreSQL's user can't write to {folder.wal}: let all enter the folders above it"
        )
    new = postgres.archive.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.symlink_to(folder.wal)
    new.replace(postgres.archive)


def finish(postgres: Postgres, folder: Folder) -> None:
    """Returns when all that was written until now is in the archive."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("SELECT pg_create_restore_point('backup')")  # else there may be nothing to switch
        row = connection.execute("SELECT pg_walfile_name(pg_current_wal_lsn())").fetchone()
        assert row
        connection.execute("SELECT pg_switch_wal()")
    deadline = time.monotonic() + ARCHIVED_TIMEOUT_S
    while not (folder.wal / row[0]).exists():
        if time.monotonic() > deadline:
            raise BackupError(f"{row[0]} did not come to {folder.wal}; see {postgres.log}")
        time.sleep(0.05)  # the folder may be on a machine that tells nothing


def _base(postgres: Postgres, folder: Folder) -> Path:
    """Under its final name once it is whole and was verified."""
    folder.base.mkdir(exist_ok=True)
    new = folder.base / "new"
    shutil.rmtree(new, ignore_errors=True)
    where = ["-h", "127.0.0.1", "-p", str(postgres.port), "-U", ROLE, "--no-password"]
    how = ["-X", "stream", "-c", "fast", "--manifest-checksums=SHA256"]
    tool("pg_basebackup", *where, "-D", new, *how, password=postgres.password)
    verify(new)
    made = folder.base / datetime.now(UTC).strftime(STAMP)
    return new.rename(made)


def verify(base: Path) -> None:
    """Every file against PostgreSQL's manifest. Not by pg_verifybackup: the wheel's crashes."""
    manifest = json.loads((base / "backup_manifest").read_text())
    for each in manifest["Files"]:
        path = base / each["Path"]
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            found = "no file"
        if found != each["Checksum"]:
            raise BackupError(f"{path} is not as it was written: {found}; use another base backup")


def tool(name: str, *arguments: str | Path, password: str = "") -> None:
    """Runs one of PostgreSQL's programs; raises BackupError with what it said."""
    environ = {**os.environ, "PGPASSWORD": password}
    command = [str(BIN / name), *map(str, arguments)]
    run = subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=TOOL_TIMEOUT_S, check=False
    )
    if run.returncode:
        raise BackupError(f"{name} ended with {run.returncode}: {run.stderr.strip()[-1000:]}")


def copy_new(source: Path, target: Path) -> None:
    """Objects never change: what is there already is left. One that is half there has another name."""
    for path in sorted(source.rglob("*")) if source.exists() else ():
        copied = target / path.relative_to(source)
        if path.is_file() and not copied.exists():
            copied.parent.mkdir(parents=True, exist_ok=True)
            part = copied.with_name(copied.name + ".part")
            shutil.copy2(path, part)
            part.replace(copied)


def prune(folder: Folder) -> None:
    """Old base backups, and the WAL files that only they need."""
    bases = folder.bases()
    for _, path in bases[:-KEEP]:
        shutil.rmtree(path)
    label = (bases[-KEEP:][0][1] / "backup_label").read_text()
    first = label.split("(file ", 1)[1].split(")", 1)[0]
    tool("pg_archivecleanup", folder.wal, first)
