"""HMAC-SHA256 (RFC 2104), which MicroPython lacks."""

import hashlib

from micropython import const

_BLOCK = const(64)


def sha256(key, message):
    """The 32-byte code of `message` (bytes) under `key` (bytes)."""
    if len(key) > _BLOCK:
        key = hashlib.sha256(key).digest()
    inner = hashlib.sha256(_padded(key, 0x36))
    inner.update(message)
    outer = hashlib.sha256(_padded(key, 0x5C))
    outer.update(inner.digest())
    return outer.digest()


def equal(first, second):
    """Compared in a time that says nothing about where they differ."""
    difference = len(first) ^ len(second)
    for a, b in zip(first, second):
        difference |= a ^ b
    return difference == 0


def _padded(key, pad):
    block = bytearray(bytes([pad]) * _BLOCK)
    for i, byte in enumerate(key):
        block[i] ^= byte
    return block
