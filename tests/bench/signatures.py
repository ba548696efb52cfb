"""Signature verification on the device against the textbook's, and against the `ecdsa` package."""

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import ecdsa

from tests import spl
from tools.release_build import PROJECT

_ROUNDS = 50  # of which the best is taken, on both sides
_HEAP_KIB = 64
_SCRIPT = PROJECT / "tests/bench/device_p256.py"
_MEET = """
import os, sys
from binascii import unhexlify
from bootloader.comb import Verifier
root = sys.argv[1]
assert Verifier(root).verify(*[unhexlify(part) for part in sys.argv[2:]])
assert len(os.listdir(root + "/etc/combs")) == 2
"""


def measure() -> Iterator[tuple[str, str, str, str]]:
    """verifying signatures"""
    key = ecdsa.SigningKey.generate(ecdsa.NIST256p)
    digest = hashlib.sha256(b"release").digest()
    signature, precomputed = key.sign_digest(digest), key.get_verifying_key()
    precomputed.precompute()
    public = precomputed.to_string()
    plain = ecdsa.VerifyingKey.from_string(public, ecdsa.NIST256p)
    vector = (public, digest, signature)
    with tempfile.TemporaryDirectory() as folder:
        board = _Board(Path(folder), vector)
        ms = {name: us / 1000 for name, us in board.times_us().items()}
        smallest_kib = board.smallest_heap_kib()
    ours = ms["ours"]
    what = f"P-256 verification, {_HEAP_KIB} KiB heap"
    yield _row(what, ours, "textbook double-and-add, same interpreter", ms["textbook"])
    yield _row(what, ours, "`ecdsa` on CPython", _package_ms(plain, digest, signature))
    yield _row(what, ours, "`ecdsa` after its `precompute()`", _package_ms(precomputed, digest, signature))
    yield _row(what, ours, "ours, combs not kept", ms["not_kept"])
    yield _row("deriving a comb, once a key", ms["derive"], "a verification", ours)
    heap = f"{_HEAP_KIB} KiB"
    yield (
        "smallest heap to derive both and verify, modules included",
        f"{smallest_kib} KiB",
        heap,
        f"{smallest_kib / _HEAP_KIB:.2f}",
    )


def _row(what: str, ours_ms: float, beside: str, theirs_ms: float) -> tuple[str, str, str, str]:
    return what, f"{ours_ms:.2f} ms", f"{beside}: {theirs_ms:.2f} ms", f"{theirs_ms / ours_ms:.2f} x"


class _Board:
    """The SPL's bytecode and a folder of device files, to verify one signature with."""

    def __init__(self, folder: Path, vector: tuple[bytes, ...]) -> None:
        self._spl = spl.unpack(folder / "spl")
        self._root = folder / "root"
        (self._root / "etc").mkdir(parents=True)
        (self._root / "etc/seal.key").write_bytes(bytes(range(32)))
        self._vector = [part.hex() for part in vector]

    def times_us(self) -> dict[str, int]:
        done = spl.python(self._spl, f"{_HEAP_KIB}K", _SCRIPT, self._root, _ROUNDS, *self._vector)
        return json.loads(done.stdout)

    def smallest_heap_kib(self) -> int:
        """In which both combs are derived and kept, and the signature is verified with them."""
        for kib in range(16, _HEAP_KIB, 2):
            shutil.rmtree(self._root / "etc/combs", ignore_errors=True)
            if spl.python(self._spl, f"{kib}K", "-c", _MEET, self._root, *self._vector).returncode == 0:
                return kib
        return _HEAP_KIB


def _package_ms(key: ecdsa.VerifyingKey, digest: bytes, signature: bytes) -> float:
    best = float("inf")
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        assert key.verify_digest(signature, digest)
        best = min(best, time.perf_counter() - started)
    return best * 1000
