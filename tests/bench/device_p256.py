"""Inside MicroPython: time of a verification, and of a textbook's. argv: rounds, key, digest, signature in hex."""

import gc
import json
import sys
import time

sys.path.pop(0)  # the folder of this file

from bootloader import p256

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def double(x, y, z):
    """Jacobian doubling as textbooks give it for a = -3."""
    yy = y * y % P
    s = 4 * x * yy % P
    m = 3 * (x - z * z) * (x + z * z) % P
    x3 = (m * m - 2 * s) % P
    return x3, (m * (s - x3) - 8 * yy * yy) % P, 2 * y * z % P


def add(point, x2, y2):
    """Jacobian plus affine."""
    x1, y1, z1 = point
    if not z1:
        return x2, y2, 1
    zz = z1 * z1 % P
    h = (x2 * zz - x1) % P
    r = (y2 * zz * z1 - y1) % P
    if not h:
        return double(x1, y1, z1) if not r else (1, 1, 0)
    hh = h * h % P
    hhh = h * hh % P
    v = x1 * hh % P
    x3 = (r * r - hhh - 2 * v) % P
    return x3, (r * (v - x3) - y1 * hhh) % P, z1 * h % P


def multiply(k, x, y):
    point = (1, 1, 0)
    for i in range(255, -1, -1):
        point = double(*point)
        if k >> i & 1:
            point = add(point, x, y)
    return point


def affine(x, y, z):
    inverse = pow(z, P - 2, P)
    return x * inverse * inverse % P, y * inverse * inverse * inverse % P


def textbook(public_key, digest, signature):
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    w = pow(s, p256.ORDER - 2, p256.ORDER)
    first = multiply(int.from_bytes(digest, "big") * w % p256.ORDER, *G)
    second = multiply(
        r * w % p256.ORDER, int.from_bytes(public_key[:32], "big"), int.from_bytes(public_key[32:], "big")
    )
    return affine(*add(first, *affine(*second)))[0] % p256.ORDER == r


def us_each(verify, rounds, vector):
    assert verify(*vector)
    total = 0
    for _ in range(rounds):
        gc.collect()
        start = time.ticks_us()
        verify(*vector)
        total += time.ticks_diff(time.ticks_us(), start)
    return total / rounds


rounds, vector = int(sys.argv[1]), [bytes.fromhex(text) for text in sys.argv[2:]]
report = {"us": us_each(p256.verify, rounds, vector), "textbook_us": us_each(textbook, rounds, vector)}
print(json.dumps(report))
