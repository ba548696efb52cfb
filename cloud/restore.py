"""A cloud back from its backup, as it was last or at a point in time. Nothing may run in the folder, or be there."""

import json
import shlex
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg

from cloud import liveconfig, sealed
from cloud.backup import BackupError, Folder, Progress, begin_archive, verify
from cloud.embedded import ports
from cloud.embedded.etcd import Etcd
from cloud.embedded.material import Material
from cloud.embedded.postgres import Postgres
from cloud.embedded.server import ServerError

RECOVERY_TIMEOUT_S = 900.0  # the time in which all has to be back


def restore(
    source: Path,
    data: Path,
    key: bytes,
    to: datetime | None = None,
    progress: Progress = lambda words: None,
) -> datetime:
    """Fills `data`, for `fieldrec cloud up`; returns the time of the base backup. Raises BackupError, SealError."""
    folder, data = Folder(source.resolve()), data.resolve()
    if data.exists() and any(data.iterdir()):
        raise BackupError(f"{data} is not empty: give a new folder, or move this one away")
    at, base = choose(folder, to)
    progress("check of the base backup")
    verify(base)
    data.mkdir(parents=True, exist_ok=True)
    progress("secrets")
    sealed.unseal(folder.secrets, data, key)
    progress("releases")
    if folder.objects.exists():
        shutil.copytree(folder.objects, data / "objects")
    progress(f"PostgreSQL, from {at:%Y-%m-%d %H:%M:%S} UTC on")
    _postgres(folder, data, base, to)
    progress("configuration")
    _configuration(folder, data)
    return at


def choose(folder: Folder, to: datetime | None) -> tuple[datetime, Path]:
    """The latest base backup that was whole before `to`."""
    bases = folder.bases()
    if not bases:
        raise BackupError(
            f"{folder.path} has no base backup; make one with: fieldrec cloud backup {folder.path}"
        )
    before = [each for each in bases if to is None or each[0] <= to]
    if not before:
        raise BackupError(
            f"the first base backup in {folder.path} is of {bases[0][0].isoformat()}, after {to}"
        )
    return before[-1]


def _postgres(folder: Folder, data: Path, base: Path, to: datetime | None) -> None:
    """Plays back what was archived since the base backup.

    After all of it the archive goes on in the same place. After a part it does not: the base backups that were
    made later than that, and what belongs to them, are of another history then.
    """
    postgres = Postgres(data, ports.free(1)[0], Material(data).secret("postgres"))
    shutil.copytree(base, postgres.cluster, symlinks=True)
    (postgres.cluster / "recovery.signal").touch()
    if to is None:
        begin_archive(postgres, folder)
    postgres.more_settings = (
        f"restore_command=cp {shlex.quote(str(folder.wal))}/%f %p",
        "recovery_target_action=promote",
        *([f"recovery_target_time={to.astimezone(UTC).isoformat()}"] if to else []),
    )
    postgres.ready_timeout_s = RECOVERY_TIMEOUT_S
    try:
        postgres.start()
    except ServerError as error:
        raise BackupError(f"PostgreSQL did not recover: {error}") from error
    try:
        _promoted(postgres)
    finally:
        postgres.stop()


def _promoted(postgres: Postgres) -> None:
    deadline = time.monotonic() + RECOVERY_TIMEOUT_S
    while True:
        try:
            with psycopg.connect(postgres.url, connect_timeout=5) as connection:
                if connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,):
                    return
        except psycopg.OperationalError as error:
            assert postgres.process
            if postgres.process.poll() is not None:
                raise BackupError(f"PostgreSQL did not recover:\n{postgres.log_end()}") from error
        if time.monotonic() > deadline:
            raise BackupError(
                f"PostgreSQL has not recovered within {RECOVERY_TIMEOUT_S:.0f} s; see {postgres.log}"
            )
        time.sleep(0.05)  # it can only be asked


def _configuration(folder: Folder, data: Path) -> None:
    kept = json.loads(folder.config.read_text())
    etcd = Etcd(data, *ports.free(2))
    etcd.start()
    try:
        with httpx.Client(base_url=etcd.url, trust_env=False) as client:
            for name, text in kept.items():
                liveconfig.put(client, name, text)
    finally:
        etcd.stop()
