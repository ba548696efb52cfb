"""Starting, stopping and dying: nothing is left running, nothing that was kept is lost."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from cloud.embedded import process
from cloud.embedded.ports import PortsTaken
from cloud.embedded.server import ServerError
from cloud.processes import AlreadyRunning, Cloud, KeysMissing, running
from tools import keys

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20
FIELDREC = [sys.executable, "-m", "tools.cli"]


@pytest.fixture
def data() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fieldrec-") as folder:
        Path(folder).chmod(0o755)  # run as root, PostgreSQL is another user's, who has to get there
        keys.new(Path(folder) / "keys")
        yield Path(folder)


def stores(data: Path, **options) -> Cloud:
    return Cloud(data, durable=False, services=(), **options)


def pids(data: Path) -> dict[str, int]:
    return {file.stem: pid for file in (data / "run").glob("*.json") if (pid := process.find(file))}


def gone(pid: int, within_s: float = PATIENCE_S) -> bool:
    """Whether a process, maybe not our child, ends within that time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def etcd(cloud: Cloud, call: str, **body) -> dict:
    return httpx.post(f"{cloud.urls['etcd']}/v3/kv/{call}", json=body, trust_env=False).json()


def test_started_again_finds_its_data_at_the_same_place(data):
    with stores(data) as cloud:
        urls, token, ca = cloud.urls, cloud.admin_token, cloud.ca.read_bytes()
        with psycopg.connect(cloud.settings.postgres_url) as connection:
            connection.execute("CREATE TABLE kept (what text)")
            connection.execute("INSERT INTO kept VALUES ('still here')")
        etcd(cloud, "put", key="a2V5", value="dmFsdWU=")
    with stores(data) as cloud:
        assert (cloud.urls, cloud.admin_token, cloud.ca.read_bytes()) == (urls, token, ca)
        with psycopg.connect(cloud.settings.postgres_url) as connection:
            assert connection.execute("SELECT what FROM kept").fetchall() == [("still here",)]
        assert etcd(cloud, "range", key="a2V5")["kvs"][0]["value"] == "dmFsdWU="


def test_stopping_leaves_nothing(data):
    with stores(data):
        started = pids(data)
        assert set(started) == {"postgres", "redis", "etcd", "broker", "objects"}
        assert running(data)["servers"]["redis"]["pid"] == started["redis"]
    assert running(data) is None
    assert all(gone(pid, 0.1) for pid in started.values())
    assert [file.name for file in (data / "run").iterdir()] == ["lock"]


def test_secrets_are_for_their_owner_alone(data):
    with stores(data) as cloud:
        secret = [*cloud.material.secrets.iterdir(), *cloud.material.pki.glob("*.key"), data / "cloud.json"]
        secret += [data / "redis/valkey.conf"]
        assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}
        shown = json.dumps(cloud.describe()) + "".join(
            Path(f"/proc/{pid}/cmdline").read_text() for pid in pids(data).values()
        )
        assert not [path.name for path in cloud.material.secrets.iterdir() if path.read_text() in shown]
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(cloud.urls["postgres"], password="guess")


def test_servers_survive_the_thread_that_started_them(data):
    cloud = stores(data)
    thread = threading.Thread(target=cloud.__enter__)
    thread.start()
    thread.join()
    try:
        assert cloud.first_death(0.3) is None
        with psycopg.connect(cloud.settings.postgres_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        cloud.__exit__()


def test_second_one_in_the_same_folder_is_refused(data):
    with stores(data) as cloud:
        with pytest.raises(AlreadyRunning, match="another process runs a cloud"), stores(data):
            pass
        assert cloud.first_death(0) is None


def test_missing_keys_are_named(data):
    (data / "keys/keyring.json").unlink()
    with (
        pytest.raises(KeysMissing, match=r"there is no .*keyring.json; make it with: fieldrec keys new"),
        stores(data),
    ):
        pass


def test_taken_ports_are_named(data):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        if port > 65500:
            pytest.skip("the kernel gave a port too high to count up from")
        with pytest.raises(PortsTaken, match=f"ports {port}.* are taken"), stores(data, base_port=port):
            pass


def test_server_that_cannot_start_is_reported_and_the_rest_stopped(data):
    with stores(data):
        pass
    (data / "postgres/cluster/PG_VERSION").write_text("9.6\n")
    with (
        pytest.raises(ServerError, match=r"(?s)postgres ended with 1; its log ends:.*version 9.6"),
        stores(data),
    ):
        pass
    assert not pids(data)


def test_a_process_that_ended_at_once_is_not_remembered(tmp_path):
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # a zombie until it is waited for
    process.remember(tmp_path / "pid", ended.pid, signal.SIGTERM)
    assert not (tmp_path / "pid").exists() and ended.wait() == 0


def test_dead_server_is_noticed(data):
    with stores(data) as cloud:
        os.kill(pids(data)["redis"], signal.SIGKILL)
        assert cloud.first_death(PATIENCE_S).name == "redis"


def test_real_server_named_by_the_environment_is_used_instead(data):
    with stores(data, given={"FIELDREC_REDIS_URL": "rediss://:secret@cache.example/0"}) as cloud:
        assert "redis" not in pids(data)
        assert cloud.settings.redis_url == "rediss://:secret@cache.example/0"


# left behind by an earlier run


def test_leftover_is_stopped_and_a_stranger_with_its_pid_is_not(data):
    with (
        subprocess.Popen(["sleep", "100"]) as ours,
        subprocess.Popen(["sleep", "100"]) as stranger,
    ):
        (data / "run").mkdir()
        process.remember(data / "run/redis.json", ours.pid, signal.SIGTERM)
        record = {"pid": stranger.pid, "started": "another boot 5", "stop_signal": int(signal.SIGTERM)}
        (data / "run/etcd.json").write_text(json.dumps(record))
        (data / "run/broker.json").write_text('{"pid": 1')  # torn
        with stores(data):
            assert ours.wait(PATIENCE_S) == -signal.SIGTERM
            assert stranger.poll() is None
        stranger.terminate()


def test_postgres_lock_with_the_pid_of_another_process(data):
    with stores(data):
        pass
    lock = data / "postgres/cluster/postmaster.pid"
    with subprocess.Popen(["sleep", "100"], start_new_session=True) as stranger:
        lock.write_text(f"{stranger.pid}\n{lock.parent}\n0\n5432\n\n127.0.0.1\n\nready\n")
        os.chown(lock, lock.parent.stat().st_uid, lock.parent.stat().st_gid)
        with stores(data):
            assert stranger.poll() is None
        stranger.terminate()


# the whole, by the command line


class Up:
    """`fieldrec cloud up`, from its start until it says that it is ready."""

    def __init__(self, data: Path) -> None:
        command = [*FIELDREC, "cloud", "up", "--data", str(data), "--ports", "auto", "--json"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.found = json.loads(self.process.stdout.readline() or "null")
        assert self.found, self.process.communicate()[1]
        self.pids = pids(data)

    def ended(self) -> tuple[int, str]:
        _, words = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, words


def command(*arguments: str) -> str:
    run = subprocess.run(
        [*FIELDREC, "cloud", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def test_up_and_its_neighbours_then_sigterm(data):
    up = Up(data)
    assert len(up.pids) == 9
    claim = json.loads(command("claim", "--data", str(data), "--device", "dev-1", "--json"))
    assert len(claim["token"]) >= 32
    assert json.loads(command("status", "--data", str(data), "--json"))["urls"] == up.found["urls"]
    assert command("token", "--data", str(data)) == Path(up.found["admin_token_file"]).read_text()
    up.process.send_signal(signal.SIGTERM)
    assert up.ended()[0] == 0
    assert all(gone(pid, 0.1) for pid in up.pids.values())


def test_up_killed_takes_its_servers_with_it_and_starts_again(data):
    up = Up(data)
    up.process.kill()
    up.ended()
    assert [name for name, pid in up.pids.items() if not gone(pid)] == []
    again = Up(data)
    assert again.found["urls"] == up.found["urls"]
    os.kill(again.pids["ota"], signal.SIGKILL)
    code, words = again.ended()
    assert code == 1
    assert "ota ended with -9; everything is stopped" in words
    assert all(gone(pid, 0.1) for pid in again.pids.values())
