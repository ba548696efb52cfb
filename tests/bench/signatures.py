"""Signature verification on the device against the textbook's, and against the `ecdsa` package."""

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Iterator

import ecdsa

from tools.release_build import PROJECT
from tools.virtual.processor import MICROPYTHON

_ROUNDS = 50
_HEAP = "64K"


def measure() -> Iterator[tuple[str, str, str, str]]:
    """verifying signatures"""
    key = ecdsa.SigningKey.generate(ecdsa.NIST256p, hashfunc=hashlib.sha256)
    public, digest = key.get_verifying_key().to_string(), hashlib.sha256(b"release").digest()
    signature = key.sign_digest(digest)
    ours = _on_device(public, digest, signature)
    started = time.perf_counter()
    for _ in range(_ROUNDS):
        assert key.get_verifying_key().verify_digest(signature, digest)
    package_us = (time.perf_counter() - started) * 1e6 / _ROUNDS
    us, textbook_us = ours["us"], ours["textbook_us"]
    yield (
        f"P-256 verification, {_HEAP} heap",
        f"{us / 1000:.2f} ms",
        f"textbook double-and-add, same interpreter: {textbook_us / 1000:.2f} ms",
        f"{textbook_us / us:.2f} x faster",
    )
    yield (
        "the same",
        f"{us / 1000:.2f} ms",
        f"`ecdsa` on CPython: {package_us / 1000:.2f} ms",
        f"{package_us / us:.2f}",
    )


def _on_device(*vector: bytes) -> dict:
    script = str(PROJECT / "tests/bench/device_p256.py")
    command = [MICROPYTHON, "-X", f"heapsize={_HEAP}", script, str(_ROUNDS), *(v.hex() for v in vector)]
    env = os.environ | {"MICROPYPATH": f"{PROJECT}:.frozen"}
    return json.loads(subprocess.run(command, env=env, check=True, capture_output=True, timeout=120).stdout)
