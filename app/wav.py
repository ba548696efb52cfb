"""WAV files of 16-bit PCM whose header is always true up to the last sync: a pulled battery costs what came after."""

import struct

from micropython import const

HEADER_BYTES = const(44)


def header(rate_hz, data_bytes):
    """RIFF/WAVE header, mono, 16 bit (Microsoft, Multimedia Programming Interface 1.0, chapter 3)."""
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", data_bytes + HEADER_BYTES - 8, b"WAVE",
        b"fmt ", 16, 1, 1, rate_hz, rate_hz * 2, 2, 16,
        b"data", data_bytes,
    )  # fmt: skip


class WavFile:
    def __init__(self, path, rate_hz):
        self._file = open(path, "wb")  # noqa: SIM115  # until close()
        self._rate_hz = rate_hz
        self.data_bytes = 0
        self.sync()

    def write(self, samples):
        self._file.write(samples)
        self.data_bytes += len(samples)

    def sync(self):
        """Make what was written so far last."""
        self._file.seek(0)
        self._file.write(header(self._rate_hz, self.data_bytes))
        self._file.flush()
        self._file.seek(0, 2)

    def close(self):
        self.sync()
        self._file.close()
