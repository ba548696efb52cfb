"""Recordings on the host: whether a folder is what the device made, and one file of its segments."""

from __future__ import annotations

import csv
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from wire import avi, recordings, wav

_COPY = 1 << 20


class RecordingError(ValueError):
    """A folder that can't be read as a recording; the text says why."""


@dataclass
class Verdict:
    """`faults`: what is missing or changed, in words. `seal`: "right", "wrong", "missing" or "not checked"."""

    folder: Path
    about: dict
    faults: list[str] = field(default_factory=list)
    seal: str = "not checked"


def sessions(folder: Path) -> list[Path]:
    """The recordings in a folder: itself, or those below it (a card, or its REC)."""
    names = (recordings.DOCUMENT, recordings.JOURNAL)
    found = sorted({path.parent for name in names for path in folder.rglob(name)})
    if not found:
        raise RecordingError(f"{folder} holds no recording: there is no {' or '.join(names)} in it")
    return found


def seal_key(text: bytes) -> bytes:
    """The key of the seals, from a file's content: the device's secret (32 bytes), or the key itself in hex."""
    if len(text) == 32:
        return hmac.digest(text, recordings.SEAL_PURPOSE, "sha256")
    try:
        key = bytes.fromhex(text.decode().strip())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise RecordingError("a key is the 32 bytes of a device's seal.key, or 64 hex digits")
    return key


def read(folder: Path) -> dict:
    """The document; of a recording that was never closed, what its journal says, with `closed` false."""
    path = folder / recordings.DOCUMENT
    if (folder / recordings.JOURNAL).exists():
        return _from_journal(folder)
    if not path.exists():
        raise RecordingError(f"{folder} is no recording's folder: there is no {path.name} in it")
    try:
        about = json.loads(path.read_bytes())
        if not isinstance(about, dict) or not about.get("closed"):
            raise ValueError
        return about
    except ValueError:
        raise RecordingError(f"{path} is damaged") from None


def _from_journal(folder: Path) -> dict:
    about: dict = {"segments": [], "bookmarks": [], "lost": [], "muted": [], "private": [], "length_ms": None}
    count = 0
    for line in (folder / recordings.JOURNAL).read_bytes().split(b"\n"):
        found = recordings.parse(folder.name, line.decode(errors="replace"))
        if not found or found[0] != count:
            continue
        count += 1
        _, kind, value = found
        if kind in ("head", "end"):
            about |= value
        else:
            about[kind].append(value)
    if "device" not in about:
        raise RecordingError(f"{folder}: the journal has no beginning")
    return about | {"closed": False}


def verify(folder: Path, key: bytes | None = None) -> Verdict:
    """Check every segment, the chain, and the seal if there is a key."""
    about = read(folder)
    verdict = Verdict(folder, about)
    faults = verdict.faults
    if not about["closed"]:
        faults.append("it was never closed: put the card into its device and start that, to have it repaired")
    if about["name"] != folder.name:
        faults.append(f"it is recording {about['name']}, in a folder called {folder.name}")
    chain = recordings.chain_start(about["device"], about["name"], about["started"])
    for segment in about["segments"]:
        path = folder / segment["name"]
        chain = recordings.chain_next(chain, bytes.fromhex(segment["sha256"]))
        if chain.hex() != segment["chain"]:
            faults.append(
                f"{segment['name']}: the chain breaks here: a segment before it was taken out or put in"
            )
            chain = bytes.fromhex(segment["chain"])
        if not path.exists():
            faults.append(
                f"{segment['name']} is missing, {segment['sound_bytes'] / recordings.BYTES_PER_MS / 1000:.1f} s"
            )
        elif digest(path) != segment["sha256"]:
            faults.append(f"{segment['name']} was changed: its SHA-256 is not the one recorded")
    if about["closed"] and chain.hex() != about["chain"]:
        faults.append("the chain's end is not the one recorded: segments are missing at the end")
    known = {segment["name"] for segment in about["segments"]}
    strangers = sorted(path.name for path in folder.iterdir() if recordings.is_segment(path.name))
    if about["closed"]:
        faults += [f"{name} is no part of it" for name in strangers if name not in known]
    verdict.seal = _seal(folder, about, key)
    if verdict.seal in ("wrong", "missing") and about["closed"]:
        faults.append(f"the seal is {verdict.seal}")
    return verdict


def _seal(folder: Path, about: dict, key: bytes | None) -> str:
    path = folder / recordings.SEAL
    if key is None or not about["closed"]:
        return "not checked"
    if not path.exists():
        return "missing"
    right = hmac.digest(key, (folder / recordings.DOCUMENT).read_bytes(), "sha256").hex()
    return "right" if hmac.compare_digest(right, path.read_text().strip()) else "wrong"


def digest(path: Path) -> str:
    """SHA-256 of a segment, its header last."""
    size = wav.HEADER_BYTES if path.suffix == ".wav" else avi.HEADER_BYTES
    sha256 = hashlib.sha256()
    with open(path, "rb") as file:
        head = file.read(size)
        while data := file.read(_COPY):
            sha256.update(data)
    sha256.update(head)
    return sha256.hexdigest()


# -- one file


def export(folder: Path, out: Path) -> Path:
    """Join the segments into `out` (.wav or .avi, as the recording is), and list the bookmarks beside it.

    Returns the list's path. RecordingError says what `out` should be called, or what can't be joined.
    """
    about = read(folder)
    names = sorted(path.name for path in folder.iterdir() if recordings.is_segment(path.name))
    if not names:
        raise RecordingError(f"{folder} has no segments")
    suffix = ".avi" if any(name.endswith(".avi") for name in names) else ".wav"
    if out.suffix != suffix:
        raise RecordingError(
            f"{folder} has segments of {suffix[1:].upper()}: call the file {out.stem}{suffix}"
        )
    paths = [folder / name for name in names]
    (_join_video if suffix == ".avi" else _join_sound)(paths, out)
    return _list_bookmarks(about, out)


def _join_sound(paths: list[Path], out: Path) -> None:
    total = sum(path.stat().st_size - wav.HEADER_BYTES for path in paths)
    if total > wav.MOST_BYTES:
        raise RecordingError(f"{total} bytes of sound are more than a WAV file takes ({wav.MOST_BYTES})")
    with open(out, "wb") as to:
        to.write(wav.header(recordings.RATE_HZ, total))
        for path in paths:
            with open(path, "rb") as file:
                file.seek(wav.HEADER_BYTES)
                while data := file.read(_COPY):
                    to.write(data)


def _join_video(paths: list[Path], out: Path) -> None:
    """Sound that came before the first picture shows that picture."""
    first = next(path for path in paths if path.suffix == ".avi")
    shape = avi.shape_of(first.read_bytes()[: avi.HEADER_BYTES])
    picture = next(data for fourcc, data in chunks(first) if fourcc == avi.FRAME)
    index, frames, sound_bytes, offset = bytearray(), 0, 0, 0
    with open(out, "wb") as to:
        to.write(bytes(avi.HEADER_BYTES))
        for path in paths:
            for fourcc, data in chunks(path) if path.suffix == ".avi" else _as_video(path, shape, picture):
                to.write(avi.chunk(fourcc, len(data)) + data + b"\0" * (len(data) & 1))
                index += avi.entry(fourcc == avi.FRAME, offset, len(data))
                offset += 8 + avi.padded(len(data))
                frames += fourcc == avi.FRAME
                sound_bytes += len(data) if fourcc == avi.SOUND else 0
        if avi.HEADER_BYTES + offset + len(index) > avi.MOST_BYTES:
            raise RecordingError(f"{offset} bytes are more than an AVI file takes ({avi.MOST_BYTES})")
        to.write(avi.chunk(avi.INDEX, len(index)) + index)
        to.seek(0)
        to.write(avi.header(shape, frames, sound_bytes, offset, 8 + len(index)))


def _as_video(path: Path, shape: avi.Shape, picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    step = shape.rate_hz * 2 // shape.fps
    data = path.read_bytes()[wav.HEADER_BYTES :]
    for at in range(0, len(data), step):
        yield avi.FRAME, picture
        yield avi.SOUND, data[at : at + step]


def chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """(fourcc, data) of the frames and the sound of a segment."""
    with open(path, "rb") as file:
        file.seek(avi.HEADER_BYTES)
        while len(head := file.read(8)) == 8 and head[:4] in (avi.FRAME, avi.SOUND):
            size = int.from_bytes(head[4:], "little")
            data = file.read(avi.padded(size))
            if len(data) < size:
                return
            yield head[:4], data[:size]


def _list_bookmarks(about: dict, out: Path) -> Path:
    path = out.with_suffix(".bookmarks.csv")
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("number", "offset_s", "time"))
        for number, ms in enumerate(about["bookmarks"], 1):
            seconds, rest = divmod(ms, 1000)
            clock = f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"
            writer.writerow((number, f"{ms / 1000:.3f}", clock))
    return path
