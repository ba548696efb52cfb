"""JPEG files for the virtual camera, each different from the others."""

from fractions import Fraction
from pathlib import Path

import av


def make(folder: Path, count: int = 30, width: int = 64, height: int = 48) -> None:
    """000.jpg and so on, stripes that move."""
    folder.mkdir(parents=True)
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    for number in range(count):
        frame = av.VideoFrame(width, height, "yuvj420p")
        for i, plane in enumerate(frame.planes):
            size = plane.buffer_size
            plane.update(
                bytes((number * 8 + x) & 255 for x in range(size)) if i == 0 else bytes([128]) * size
            )
        frame.pts = number
        (folder / f"{number:03d}.jpg").write_bytes(
            b"".join(bytes(packet) for packet in encoder.encode(frame))
        )
