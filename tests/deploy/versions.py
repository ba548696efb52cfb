"""The program as it was when it was the oldest that may still go on, out of the repository's history."""

import io
import subprocess
import tarfile
from pathlib import Path

from cloud.db import MIGRATIONS, oldest
from cloud.embedded.python import ROOT

PACKAGES = ("cloud", "wire")


def last_migration() -> Path:
    return max(_migrations())


def missing() -> str | None:
    """Words if there is no such program, or no history here."""
    if oldest(last_migration()) == int(last_migration().name[:4]):
        return f"no older program goes on beside {last_migration().name}"
    try:
        return (
            None
            if commit()
            else f"no commit here knows the migrations up to {oldest(last_migration())} and no more"
        )
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        return f"the history of the repository is not here: {error}"


def commit() -> str | None:
    """The last one that knows the migrations which a program has to know to go on, and no more."""
    known = {path.name for path in _migrations() if int(path.name[:4]) <= oldest(last_migration())}
    changes = _git("log", "--format=%H", "--", str(MIGRATIONS)).split()
    return next(
        (each for each in ("HEAD", *(f"{change}^" for change in changes)) if _known(each) == known), None
    )


def _known(commit: str) -> set[str]:
    listed = _git("ls-tree", "--name-only", commit, "cloud/migrations/").split()
    return {Path(name).name for name in listed if name.endswith(".sql")}


def _migrations() -> list[Path]:
    return sorted(MIGRATIONS.glob("[0-9][0-9][0-9][0-9]_*.sql"))


def code(commit: str, folder: Path) -> Path:
    """`folder`, with the packages as they were then."""
    packed = _git_bytes("archive", commit, *PACKAGES)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Debian's Python 3.11.2 has none
        archive.extractall(folder)
    return folder


def _git(*arguments: str) -> str:
    return _git_bytes(*arguments).decode()


def _git_bytes(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout
