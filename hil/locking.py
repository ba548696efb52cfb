"""One run at a time on a rig: a lock on a file, which the kernel lets go of with the process that holds it."""

from __future__ import annotations

import fcntl
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hil.errors import RigFault

FOLDER = Path(tempfile.gettempdir()) / "fieldrec-rigs"


class Busy(RigFault):
    """Another process uses this rig."""


@contextmanager
def held(resource: str) -> Iterator[None]:
    """Alone with a port or chip while the block runs; Busy says who has it. "" is nobody else's anyway."""
    if not resource:
        yield
        return
    file = _open(resource)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"{resource} is in use by {_holder(file)}: wait for its end, or end it") from None
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()} {' '.join(sys.argv)[:200]}".encode())
        yield
    finally:
        os.close(file)


def holder(resource: str) -> str:
    """Who uses it now, "" if nobody does."""
    if not resource or not _path(resource).exists():
        return ""
    file = _open(resource)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(file)
    finally:
        os.close(file)
    return ""


def _path(resource: str) -> Path:
    """The same for all names of one device file."""
    return FOLDER / (re.sub(r"[^A-Za-z0-9]+", "-", os.path.realpath(resource)).strip("-") + ".lock")


def _open(resource: str) -> int:
    if not FOLDER.exists():
        FOLDER.mkdir(exist_ok=True)
        FOLDER.chmod(0o1777)  # the rig is for all users of the machine, and so is its lock
    file = os.open(_path(resource), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    if os.fstat(file).st_uid == os.getuid():
        os.fchmod(file, 0o666)
    return file


def _holder(file: int) -> str:
    pid, _, command = os.pread(file, 300, 0).decode(errors="replace").partition(" ")
    return f"process {pid} ({command})"
