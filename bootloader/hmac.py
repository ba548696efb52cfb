"""HMAC-SHA256 (RFC 2104), which MicroPython lacks."""

import hashlib

from micropython import const

_BLOCK = const(64)


class Sha256:
    """The code of a message (bytes) that comes in parts, under `key` (bytes)."""

    def __init__(self, key):
        if len(key) > _BLOCK:
            key = hashlib.sha256(key).digest()
        self._inner = hashlib.sha256(_padded(key, 0x36))
        self._outer = hashlib.sha256(_padded(key, 0x5C))
        self.update = self._inner.update

    def digest(self):
        """The 32 bytes; once."""
        self._outer.update(self._inner.digest())
        return self._outer.digest()


def sha256(key, message):
    """The 32-byte code of `message` (bytes) under `key` (bytes)."""
    code = Sha256(key)
    code.update(message)
    return code.digest()


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
