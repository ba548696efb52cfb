"""What a release takes from PyPI: modules listed in app/libraries.toml, each held to the bytes that are named there."""

import hashlib
import importlib.metadata
import tomllib
from pathlib import Path

LIST = Path("app", "libraries.toml")


def sources(source: Path) -> dict[str, Path]:
    """{path on the board, before it is compiled: installed file} of a source tree's libraries and their licences.

    ValueError if one is not installed, or not as named: a release must have the same bytes wherever it is built.
    """
    path = source / LIST
    libraries = tomllib.loads(path.read_text()) if path.exists() else {}
    found = {}
    for package, wanted in libraries.items():
        found[f"{package}.py"] = _installed(package, wanted["version"], wanted["file"], wanted["sha256"])
        found[f"{package}.license"] = _file(package, wanted["license"])
    return found


def _installed(package: str, version: str, name: str, sha256: str) -> Path:
    path = _file(package, name)
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        installed = importlib.metadata.version(package)
        raise ValueError(
            f"{name} of {package} {installed} is not that of {version}, which {LIST} names: "
            f"pip install {package}=={version}"
        )
    return path


def _file(package: str, name: str) -> Path:
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        raise ValueError(f"{LIST} names {package}, which is not installed") from None
    for file in files:
        if file.as_posix().endswith(name):
            return Path(str(file.locate()))
    raise ValueError(f"{package} has no file {name}")
