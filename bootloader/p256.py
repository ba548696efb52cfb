"""ECDSA on the curve P-256 (FIPS 186-5; SEC 1 section 4.1.4), in plain MicroPython.

Points are Jacobian, (X, Y, Z) standing for (X / Z^2, Y / Z^3), Z = 0 for infinity: no division until the end.
Not constant-time: a verification handles nothing secret, and the few private operations (a key made, a
request signed, once per enrolment) are not for a stranger to time.
"""

from micropython import const

_P = const(0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF)
_B = const(0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B)
_GX = const(0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296)
_GY = const(0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_INFINITY = (1, 1, 0)


def verify(public_key, digest, signature):
    """Whether `signature` (r, s: 64 bytes) is of `digest` (32 bytes) by `public_key` (x, y: 64 bytes).

    Whatever is malformed, out of range or off the curve is False; nothing is raised.
    """
    for value, size in ((public_key, 64), (digest, 32), (signature, 64)):
        if not isinstance(value, (bytes, bytearray)) or len(value) != size:
            return False
    x, y = _two_numbers(public_key)
    r, s = _two_numbers(signature)
    if not (0 < r < ORDER and 0 < s < ORDER and _is_on_curve(x, y)):
        return False
    w = inverse(s, ORDER)
    u1 = int.from_bytes(digest, "big") * w % ORDER
    point = _multiply_two(u1, (_GX, _GY, 1), r * w % ORDER, (x, y, 1))
    return _has_x(point, r)


def base_multiply(k):
    """(x, y) of k * G, 0 < k < ORDER."""
    x, y, z = _multiply_two(k, (_GX, _GY, 1), 0, _INFINITY)
    z_inverse = inverse(z, _P)
    square = z_inverse * z_inverse % _P
    return x * square % _P, y * square * z_inverse % _P


def inverse(a, modulus):
    """1 / a, by Euclid: faster here than Fermat's power."""
    low, high, u, v = a % modulus, modulus, 1, 0
    while low > 1:
        quotient = high // low
        low, high, u, v = high - quotient * low, low, v - quotient * u, u
    return u % modulus


def _two_numbers(data):
    return int.from_bytes(data[:32], "big"), int.from_bytes(data[32:], "big")


def _is_on_curve(x, y):
    return x < _P and y < _P and (y * y - (x * x - 3) * x - _B) % _P == 0


def _has_x(point, r):
    """Whether the point's x, modulo the order, is r; compared as r * Z^2 = X, which needs no division."""
    x, _, z = point
    square = z * z % _P
    if z == 0:
        return False
    return r * square % _P == x or (r + ORDER < _P and (r + ORDER) * square % _P == x)


def _multiply_two(k1, point1, k2, point2):
    """k1 * point1 + k2 * point2, the doublings shared."""
    digits1, digits2 = _wnaf(k1), _wnaf(k2)
    table1, table2 = _odd_multiples(point1), _odd_multiples(point2)
    total = _INFINITY
    for i in range(max(len(digits1), len(digits2)) - 1, -1, -1):
        total = _double(total)
        total = _add_digit(total, digits1, i, table1)
        total = _add_digit(total, digits2, i, table2)
    return total


def _wnaf(k):
    """Digits of k, least first, each 0 or odd and under 16 in size, no two of them within 5 places."""
    digits = bytearray()  # a negative digit is kept as 256 + digit
    while k:
        digit = 0
        if k & 1:
            digit = k & 31
            if digit > 15:
                digit -= 32
            k -= digit
        digits.append(digit & 255)
        k >>= 1
    return digits


def _odd_multiples(point):
    """(1, 3, 5 .. 15) * point."""
    table = [point]
    twice = _double(point)
    for _ in range(7):
        table.append(_add(table[-1], twice))
    return table


def _add_digit(total, digits, i, table):
    digit = digits[i] if i < len(digits) else 0
    if digit == 0:
        return total
    if digit < 128:
        return _add(total, table[digit >> 1])
    x, y, z = table[(256 - digit) >> 1]
    return _add(total, (x, _P - y, z))


def _double(point):
    """dbl-2001-b of the Explicit-Formulas Database, for a = -3."""
    x, y, z = point
    delta = z * z % _P
    gamma = y * y % _P
    beta = x * gamma % _P
    alpha = 3 * (x - delta) * (x + delta) % _P
    x3 = (alpha * alpha - 8 * beta) % _P
    return x3, (alpha * (4 * beta - x3) - 8 * gamma * gamma) % _P, 2 * y * z % _P


def _add(first, second):
    """add-1998-cmo-2 of the same, with its exceptions: infinity, equal and opposite points."""
    x1, y1, z1 = first
    x2, y2, z2 = second
    if z1 == 0:
        return second
    if z2 == 0:
        return first
    square1, square2 = z1 * z1 % _P, z2 * z2 % _P
    u1, s1 = x1 * square2 % _P, y1 * square2 * z2 % _P
    h = (x2 * square1 - u1) % _P
    r = (y2 * square1 * z1 - s1) % _P
    if h == 0:
        return _double(first) if r == 0 else _INFINITY
    h2 = h * h % _P
    h3, v = h * h2 % _P, u1 * h2 % _P
    x3 = (r * r - h3 - 2 * v) % _P
    return x3, (r * (v - x3) - s1 * h3) % _P, h * z1 * z2 % _P
