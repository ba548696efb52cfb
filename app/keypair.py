"""The device's own key, on P-256: made here, and never to leave the device."""

import os

from micropython import const

from bootloader import hmac, p256

_HEAD = b"\x30\x77\x02\x01\x01\x04\x20"  # SEC 1 section C.4: SEQUENCE, version 1, the private key follows
_CURVE = b"\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"  # [0] prime256v1
_PUBLIC = b"\xa1\x44\x03\x42\x00\x04"  # [1] BIT STRING, uncompressed point
_SIZE = const(121)


def new(root="", name="/etc/key.der"):
    """(private number, 64-byte public key) of a new key, kept in the file `name`.

    os.urandom is the board's hardware generator; an ESP32's is at its best while the radio is on (ESP-IDF,
    "Random Number Generation"), as it is during enrolment.
    """
    private = _below_order(os.urandom)
    x, y = p256.base_multiply(private)
    public = x.to_bytes(32, "big") + y.to_bytes(32, "big")
    with open(root + name, "wb") as file:
        file.write(_HEAD + private.to_bytes(32, "big") + _CURVE + _PUBLIC + public)
    return private, public


def load(root="", name="/etc/key.der"):
    """(private number, 64-byte public key) of the file `name`, or None if `new` wrote none whole."""
    try:
        with open(root + name, "rb") as file:
            der = file.read(_SIZE + 1)
    except OSError:
        return None
    if len(der) != _SIZE or der[: len(_HEAD)] != _HEAD:
        return None
    return int.from_bytes(der[7:39], "big"), der[-64:]


def sign(private, digest):
    """The 64-byte ECDSA signature (r, s) of a 32-byte digest.

    The nonce is drawn from os.urandom and run through HMAC with the private key: it stays secret, and new for
    each digest, even where the generator is poor.
    """
    key = private.to_bytes(32, "big")
    while True:
        k = _below_order(lambda size: hmac.sha256(key, os.urandom(size) + digest))
        r = p256.base_multiply(k)[0] % p256.ORDER
        s = p256.inverse(k, p256.ORDER) * (int.from_bytes(digest, "big") + r * private) % p256.ORDER
        if r and s:
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _below_order(draw):
    """A number in 1..ORDER-1 from `draw(32)`, by rejection (FIPS 186-5 A.2.2): one in 2^32 is drawn again."""
    while True:
        number = int.from_bytes(draw(32), "big")
        if 0 < number < p256.ORDER:
            return number
