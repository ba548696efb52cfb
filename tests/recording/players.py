"""A file as a player takes it: FFmpeg's libraries, and the programs where they are installed."""

import io
import shutil
import subprocess
from array import array
from dataclasses import dataclass, field
from pathlib import Path

import av


@dataclass
class Played:
    """`complaints`: all that the decoders had to say, of the level of a warning or worse."""

    samples: array = field(default_factory=lambda: array("H"))
    frames: int = 0
    rate_hz: int = 0
    complaints: list[str] = field(default_factory=list)


def play(data: bytes) -> Played:
    """Decode all of a WAV or AVI file; av.FFmpegError if it can't be opened."""
    played = Played()
    av.logging.set_level(av.logging.WARNING)
    with av.logging.Capture(True) as said, av.open(io.BytesIO(data), "r") as container:
        for frame in container.decode():
            if isinstance(frame, av.AudioFrame):
                assert frame.format.name == "s16" and frame.layout.nb_channels == 1
                played.rate_hz = frame.sample_rate
                played.samples.frombytes(bytes(frame.planes[0])[: frame.samples * 2])
            else:
                played.frames += 1
        played.complaints = [text.strip() for level, _, text in said if level <= av.logging.WARNING]
    return played


def programs_complain(path: Path) -> str:
    """What `ffprobe` and `ffmpeg` say of a file at the level of a warning; nothing where they aren't installed.

    A plain WAV, which everything opens, can't say for which speaker one channel is: ffmpeg is told not to guess.
    """
    layout = ["-guess_layout_max", "0"] if path.suffix == ".wav" else []
    commands = (
        ["ffprobe", "-v", "warning", "-show_error", str(path)],
        ["ffmpeg", "-v", "warning", "-xerror", *layout, "-i", str(path), "-f", "null", "-"],
    )
    words = ""
    for command in commands:
        if shutil.which(command[0]):
            run = subprocess.run(command, capture_output=True, text=True, timeout=120)
            words += run.stderr + (f"{command[0]} ended with {run.returncode}" if run.returncode else "")
    return words
