"""Inside MicroPython: times of a verification, ours and a textbook's, each the best of `rounds`.

argv: folder of the device's files, rounds, key, digest, signature in hex.
"""

import gc
import json
import os
import sys
import time

sys.path.pop(0)  # the folder of this file

from bootloader import comb, p256


def double(x, y, z):
    """Jacobian doubling as textbooks give it for a = -3."""
    yy = y * y % p256.PRIME
    s = 4 * x * yy % p256.PRIME
    m = 3 * (x - z * z) * (x + z * z) % p256.PRIME
    x3 = (m * m - 2 * s) % p256.PRIME
    return x3, (m * (s - x3) - 8 * yy * yy) % p256.PRIME, 2 * y * z % p256.PRIME


def add(point, x2, y2):
    """Jacobian plus affine."""
    x1, y1, z1 = point
    if not z1:
        return x2, y2, 1
    zz = z1 * z1 % p256.PRIME
    h = (x2 * zz - x1) % p256.PRIME
    r = (y2 * zz * z1 - y1) % p256.PRIME
    if not h:
        return double(x1, y1, z1) if not r else (1, 1, 0)
    hh = h * h % p256.PRIME
    hhh = h * hh % p256.PRIME
    v = x1 * hh % p256.PRIME
    x3 = (r * r - hhh - 2 * v) % p256.PRIME
    return x3, (r * (v - x3) - y1 * hhh) % p256.PRIME, z1 * h % p256.PRIME


def multiply(k, x, y):
    point = (1, 1, 0)
    for i in range(255, -1, -1):
        point = double(*point)
        if k >> i & 1:
            point = add(point, x, y)
    return point


def affine(x, y, z):
    inverse = pow(z, p256.PRIME - 2, p256.PRIME)
    return x * inverse * inverse % p256.PRIME, y * inverse * inverse * inverse % p256.PRIME


def numbers(pair):
    return int.from_bytes(pair[:32], "big"), int.from_bytes(pair[32:], "big")


def textbook(public_key, digest, signature):
    r, s = numbers(signature)
    w = pow(s, p256.ORDER - 2, p256.ORDER)
    first = multiply(int.from_bytes(digest, "big") * w % p256.ORDER, *numbers(p256.GENERATOR))
    second = multiply(r * w % p256.ORDER, *numbers(public_key))
    return affine(*add(first, *affine(*second)))[0] % p256.ORDER == r


def best_us(rounds, function, *arguments):
    best = None
    for _ in range(rounds):
        gc.collect()
        start = time.ticks_us()
        assert function(*arguments)
        us = time.ticks_diff(time.ticks_us(), start)
        best = us if best is None or us < best else best
    return best


def derive(public_key):
    return sum(1 for _ in p256.comb(public_key, 8))


root, rounds, vector = sys.argv[1], int(sys.argv[2]), [bytes.fromhex(text) for text in sys.argv[3:]]
verify = comb.Verifier(root).verify
assert verify(*vector) and len(os.listdir(root + "/etc/combs")) == 2, "no combs were kept"
report = {
    "ours": best_us(rounds, verify, *vector),
    "not_kept": best_us(rounds, p256.verify, *vector),
    "derive": best_us(rounds, derive, vector[0]),
    "textbook": best_us(rounds, textbook, *vector),
}
print(json.dumps(report))
