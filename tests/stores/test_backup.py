"""A cloud that has lost its machine comes back from its backup, and can be taken back to a point in time."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest

from cloud import liveconfig, sealed
from cloud.backup import BackupError, Folder, backup, finish, prune
from cloud.embedded.postgres import Postgres
from cloud.processes import Cloud
from cloud.restore import restore
from cloud.sealed import SealError
from tools import keys

RTO_S = 15 * 60
KEY = bytes(range(32))


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fieldrec-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL's user has to get there
        yield Path(folder)


def machine(data: Path) -> Cloud:
    if not data.exists():
        data.mkdir()
        keys.new(data / "keys")
    return Cloud(data, durable=False, services=())


def postgres_of(cloud: Cloud) -> Postgres:
    (server,) = [each for each in cloud.servers if each.name == "postgres"]
    assert isinstance(server, Postgres)
    return server


def write(cloud: Cloud, *words: str) -> datetime:
    """Rows; and a time when they were in, and nothing after them."""
    with psycopg.connect(cloud.settings.postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (word text)")
        for word in words:
            connection.execute("INSERT INTO kept VALUES (%s)", [word])
        (at,) = connection.execute("SELECT clock_timestamp()").fetchone()
    return at


def words(cloud: Cloud) -> list[str]:
    with psycopg.connect(cloud.settings.postgres_url) as connection:
        return [row[0] for row in connection.execute("SELECT word FROM kept ORDER BY word").fetchall()]


def test_lost_machine_comes_back_with_all_but_the_last_minutes(place):
    data, safe = place / "data", place / "safe"
    with machine(data) as cloud:
        write(cloud, "before the backup")
        stored = data / "objects/sha256/ab"
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_bytes(b"a release")
        with httpx.Client(base_url=cloud.urls["etcd"], trust_env=False) as etcd:
            liveconfig.put(etcd, "url_life_s", "777")
        backup(data, safe, KEY)
        write(cloud, "after it")
        finish(postgres_of(cloud), Folder(safe))  # as PostgreSQL does by itself within 4 minutes
        write(cloud, "never archived")
        ca, token = cloud.ca.read_bytes(), cloud.admin_token
        for server in cloud.servers:  # as a machine goes: nothing is told that it is over
            server.process.kill()
            server.process.wait()
    shutil.rmtree(data)
    begun = time.monotonic()
    restore(safe, data, KEY)
    with machine(data) as cloud:
        took_s = time.monotonic() - begun
        assert words(cloud) == ["after it", "before the backup"]
        assert (cloud.ca.read_bytes(), cloud.admin_token) == (ca, token)
        assert (cloud.keys / "release.pem").exists()
        assert stored.read_bytes() == b"a release"
        with httpx.Client(base_url=cloud.urls["etcd"], trust_env=False) as etcd:
            assert liveconfig.read_now(etcd) == {"url_life_s": "777"}
        write(cloud, "a new life")
        finish(postgres_of(cloud), Folder(safe))  # it goes on archiving
    assert took_s < RTO_S / 30


def test_point_in_time(place):
    data, safe = place / "data", place / "safe"
    with machine(data) as cloud:
        write(cloud, "1 good")
        backup(data, safe, KEY)
        ((first, _),) = Folder(safe).bases()
        good = write(cloud, "2 good")
        write(cloud, "3 a mistake")
        finish(postgres_of(cloud), Folder(safe))
        backup(data, safe, KEY)  # later than what is wanted: not begun from
    with machine_at(safe, place / "then", good) as cloud:
        assert words(cloud) == ["1 good", "2 good"]
    (base,) = [path for at, path in Folder(safe).bases() if at == first]
    with (base / "PG_VERSION").open("a") as file:
        file.write("x")
    with pytest.raises(BackupError, match=r"PG_VERSION is not as it was written"):
        restore(safe, place / "damaged", KEY, good)
    with pytest.raises(BackupError, match=r"the first base backup in .* is of .*, after"):
        restore(safe, place / "earlier", KEY, first - timedelta(seconds=1))
    with pytest.raises(
        BackupError, match=r"(?s)did not recover.*before configured recovery target was reached"
    ):
        restore(safe, place / "later", KEY, datetime.now(UTC) + timedelta(days=1))
    assert not (place / "then/postgres/archive").exists()  # of another history: to be backed up anew


def machine_at(safe: Path, data: Path, to: datetime) -> Cloud:
    restore(safe, data, KEY, to)
    return machine(data)


def test_old_bases_and_their_archive_are_removed(tmp_path):
    folder, names = Folder(tmp_path), [f"0000000100000000000000{n:02X}" for n in range(1, 10)]
    folder.wal.mkdir()
    for name in names:
        (folder.wal / name).touch()
    for day, first in enumerate((names[1], names[4], names[7]), start=1):
        base = folder.base / f"2026010{day}T000000.000000Z"
        base.mkdir(parents=True)
        (base / "backup_manifest").touch()
        (base / "backup_label").write_text(f"START WAL LOCATION: 0/2000028 (file {first})\n")
    prune(folder)
    assert [path.name for _, path in folder.bases()] == ["20260102T000000.000000Z", "20260103T000000.000000Z"]
    assert sorted(path.name for path in folder.wal.iterdir()) == names[4:]


def test_what_can_not_be_done_is_told(place):
    data, safe = place / "data", place / "safe"
    with pytest.raises(BackupError, match="nothing runs in"):
        backup(data, safe, KEY)
    with pytest.raises(BackupError, match="has no base backup"):
        restore(safe, data, KEY)
    data.mkdir()
    (data / "something").touch()
    with pytest.raises(BackupError, match="is not empty"):
        restore(safe, data, KEY)


def test_sealed_file_opens_with_its_key_alone(tmp_path):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/token").write_bytes(b"hush")
    (tmp_path / "secrets/token").chmod(0o600)
    file, into = tmp_path / "sealed", tmp_path / "into"
    sealed.seal([tmp_path / "secrets"], file, KEY)
    assert b"hush" not in file.read_bytes() and file.stat().st_mode & 0o077 == 0
    sealed.unseal(file, into, KEY)
    assert (into / "secrets/token").read_bytes() == b"hush"
    assert (into / "secrets/token").stat().st_mode & 0o077 == 0
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    for wrong, key, words in (
        (data, KEY, "damaged"),
        (file.read_bytes(), bytes(32), "another key"),
        (b"x", KEY, "none of"),
    ):
        (tmp_path / "wrong").write_bytes(wrong)
        with pytest.raises(SealError, match=words):
            sealed.unseal(tmp_path / "wrong", tmp_path / "nowhere", key)
