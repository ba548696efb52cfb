"""Starting, finding again and stopping server processes, so that none outlives who started it.

Three nets, one below the other: `stop()`; the kernel's parent-death signal, if the parent is killed; and a
pid file, by which the next start finds and stops whatever still runs.
"""

import importlib.util
import json
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from select import select
from typing import Any

_LAUNCH = str(Path(__file__).with_name("launch.py"))

# The parent-death signal fires when the *thread* that forked ends: this one lives as long as the process.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


def wheel_file(package: str, pattern: str) -> Path:
    """A file inside an installed package, found without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"the Python package {package!r} is not installed")
    return next(Path(spec.origin).parent.glob(pattern))


@dataclass(frozen=True)
class User:
    """Whom a server runs as, when we are root and it refuses to be."""

    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Gives the folder, made if it is missing, and all in it to this user."""
        path.mkdir(exist_ok=True, parents=True)
        for each in (path, *path.rglob("*")):
            os.chown(each, self.uid, self.gid, follow_symlinks=False)

    @property
    def popen(self) -> dict[str, Any]:
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def unprivileged_user() -> User | None:
    """`nobody` if we are root, else None: then we need not change."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return User(nobody.pw_uid, nobody.pw_gid)


def spawn(
    command: list[str],
    *,
    log: Path | int,
    environ: Mapping[str, str] | None = None,
    user: User | None = None,
    death_signal: int = signal.SIGTERM,
) -> subprocess.Popen:
    """Starts `command`, its output appended to `log` (a file, or an open descriptor).

    It gets `death_signal` when this process ends.
    """
    run_as = f"{user.uid}:{user.gid}" if user else f"{os.geteuid()}:{os.getegid()}"
    launch = [sys.executable, "-I", "-S", _LAUNCH, str(os.getpid()), str(int(death_signal)), run_as, *command]
    with open(log, "ab", closefd=not isinstance(log, int)) as output:
        return _spawner.submit(
            subprocess.Popen,
            launch,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environ,
            start_new_session=True,  # Ctrl-C in the terminal is for us, who stop the servers in order
            cwd="/",
        ).result()


def remember(pid_file: Path, pid: int, stop_signal: int) -> None:
    """For `find` and `stop_remembered`; one that has ended already leaves nothing to be found."""
    try:
        started = _started(pid)
    except ProcessLookupError:
        return
    pid_file.write_text(json.dumps({"pid": pid, "started": started, "stop_signal": int(stop_signal)}))


def find(pid_file: Path) -> int | None:
    """The pid in the file, if that very process still runs: pids are used again, (pid, start time) is not."""
    try:
        record = json.loads(pid_file.read_text())
        return record["pid"] if record["started"] == _started(record["pid"]) else None
    except (FileNotFoundError, ProcessLookupError):
        return None
    except (ValueError, KeyError):
        pid_file.unlink()  # torn by a power cut
        return None


def stop_remembered(pid_file: Path) -> None:
    """Stops what an earlier run, itself killed, may have left running."""
    if pid := find(pid_file):
        stop(pid, json.loads(pid_file.read_text())["stop_signal"])
    pid_file.unlink(missing_ok=True)


def stop(pid: int, stop_signal: int = signal.SIGTERM, timeout_s: float = 10) -> bool:
    """Ends a process, child of ours or not; True if it went by itself, False if it had to be killed."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        for sent, wait_s in ((stop_signal, timeout_s), (signal.SIGKILL, timeout_s)):
            signal.pidfd_send_signal(handle, sent)
            if select([handle], [], [], wait_s)[0]:
                return sent == stop_signal
        raise TimeoutError(f"process {pid} is still there {timeout_s} s after SIGKILL")
    except ProcessLookupError:
        return True
    finally:
        os.close(handle)


def _started(pid: int) -> str:
    """Start time of a process, in clock ticks since this boot of the machine; the boot belongs to it.

    Raises ProcessLookupError if there is none, or only its zombie.
    """
    try:
        # proc(5): the command in parentheses may hold anything, so the fields are counted from its end
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError as error:
        raise ProcessLookupError(pid) from error
    if fields[0] in "ZX":
        raise ProcessLookupError(pid)
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {fields[19]}"
