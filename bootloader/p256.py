"""ECDSA on the curve P-256 (FIPS 186-5; SEC 1 section 4.1.4), in plain MicroPython.

A multiple of a point is taken with a comb (Lim and Lee, CRYPTO '94) of signed digits (Hamburg, "Fast and
compact elliptic-curve cryptography", section 3.3). The number becomes 256 signs, that of place i worth +2^i or
-2^i, cut into twice as many rows as the comb has teeth. The comb holds what a column can be worth, in its lower
half for the lower rows, in its upper half for the upper: 2^(teeth - 1) points each, as the others are their
negatives. A column costs two additions; a doubling leads from column to column, of all combs summed together.

A comb is a sequence of entries, each an affine point: x and y, 64 bytes. A sum is (X, Y, ZZ, ZZZ), standing
for x = X / ZZ, y = Y / ZZZ, with ZZ^3 = ZZZ^2, and ZZ = 0 for infinity ("xyzz" of the Explicit-Formulas
Database).

Not constant-time, on purpose: a verification handles nothing secret. `base_multiply` does, given a private key
or a nonce, and its time depends on it, as the interpreter's arithmetic on large numbers does.
"""

import binascii

from micropython import const

PRIME = const(0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF)
ORDER = const(0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551)
GENERATOR = binascii.unhexlify(
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
_B = const(0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B)
_BATCH = const(8)
_INFINITY = (1, 1, 0, 0)


def small_comb(point):
    """A comb of four teeth: about the cheapest to derive and use once."""
    return list(comb(point, 4))


def verify(public_key, digest, signature, comb_of=small_comb):
    """Whether `signature` (r, s: 64 bytes) is of `digest` (32 bytes) by `public_key` (x, y: 64 bytes).

    Whatever is malformed, out of range or off the curve is False; nothing is raised but what `comb_of` raises.
    That gives the comb of a point, and is asked for GENERATOR and for a public key that is a point of the curve.
    """
    for value, size in ((public_key, 64), (digest, 32), (signature, 64)):
        if not isinstance(value, (bytes, bytearray)) or len(value) != size:
            return False
    r, s = _two_numbers(signature)
    if not (0 < r < ORDER and 0 < s < ORDER and _is_on_curve(*_two_numbers(public_key))):
        return False
    w = inverse(s, ORDER)
    u1, u2 = int.from_bytes(digest, "big") * w % ORDER, r * w % ORDER
    return _has_x(_sum([(u1, comb_of(GENERATOR)), (u2, comb_of(public_key))]), r)


def base_multiply(k):
    """(x, y) of k * GENERATOR, 0 < k < ORDER. Not constant-time: fit for what nobody can time again and again."""
    total = _sum([(k, small_comb(GENERATOR))])
    return _affine(total, inverse(total[3], PRIME))


def inverse(a, modulus):
    """1 / a, by Euclid: faster here than Fermat's power."""
    low, high, u, v = a % modulus, modulus, 1, 0
    while low > 1:
        quotient = high // low
        low, high, u, v = high - quotient * low, low, v - quotient * u, u
    return u % modulus


def comb(point, teeth):
    """The entries of the comb of a point of the curve, one after the other; 1 to 8 teeth.

    Row m stands for 2^(m * columns) * point. Entry i of the lower half is row teeth - 1, plus each row m below it
    if bit m of i is set, minus that row if not; the upper half is the same of the upper rows. No two points that
    are equal or opposite meet on the way: all are multiples of one row by different numbers, far under ORDER.
    """
    rows = _rows(point, teeth)
    for half in (rows[:teeth], rows[teeth:]):
        entries = iter((_entry(*half.pop()),))
        while half:
            entries = _minus_and_plus(entries, *half.pop())
        yield from entries


def _rows(point, teeth):
    x, y = _two_numbers(point)
    totals = [(x, y, 1, 1)]
    for _ in range(2 * teeth - 1):
        total = totals[-1]
        for _ in range(_columns(teeth)):
            total = _double(total)
        totals.append(total)
    inverses = _inverses([zzz for _, _, _, zzz in totals])
    return [_affine(total, inverses.pop()) for total in totals]


def _columns(teeth):
    return -(-128 // teeth)


def _minus_and_plus(entries, x2, y2):
    """Each entry minus (x2, y2), then plus it. Few are in memory at a time; these share an inversion."""
    while batch := [entry for _, entry in zip(range(_BATCH), entries)]:
        inverses = _inverses([x2 - _two_numbers(entry)[0] for entry in batch])
        for entry in batch:
            inverted = inverses.pop()
            yield _chord(entry, x2, -y2, inverted)
            yield _chord(entry, x2, y2, inverted)


def _inverses(numbers):
    """1 / n for each, modulo PRIME, the last one first; with one inversion (Montgomery's trick)."""
    products = [1]
    for n in numbers:
        products.append(products[-1] * n % PRIME)
    rest = inverse(products.pop(), PRIME)
    found = []
    while numbers:
        found.append(rest * products.pop() % PRIME)
        rest = rest * numbers.pop() % PRIME
    return found


def _chord(entry, x2, y2, inverted):
    """The entry plus (x2, y2); `inverted` is 1 / (x2 - its x)."""
    x1, y1 = _two_numbers(entry)
    slope = (y2 - y1) * inverted % PRIME
    x3 = (slope * slope - x1 - x2) % PRIME
    return _entry(x3, (slope * (x1 - x3) - y1) % PRIME)


def _entry(x, y):
    return x.to_bytes(32, "big") + y.to_bytes(32, "big")


def _two_numbers(data):
    return int.from_bytes(data[:32], "big"), int.from_bytes(data[32:], "big")


def _is_on_curve(x, y):
    return x < PRIME and y < PRIME and (y * y - (x * x - 3) * x - _B) % PRIME == 0


def _has_x(total, r):
    """Whether the sum's x, modulo the order, is r; compared as r * ZZ = X, which needs no division."""
    x, _, zz, _ = total
    if zz == 0:
        return False
    return r * zz % PRIME == x or (r + ORDER < PRIME and (r + ORDER) * zz % PRIME == x)


def _affine(total, inverted):
    """(x, y) of a sum; `inverted` is 1 / ZZZ."""
    x, y, zz, _ = total
    z_inverted = zz * inverted % PRIME
    return x * z_inverted * z_inverted % PRIME, y * inverted % PRIME


def _sum(terms):
    """The sum of k * point over [(k, comb of the point)], 0 <= k < ORDER, combs of equally many teeth."""
    rows = []
    for k, entries in terms:
        half = len(entries) // 2
        low, high = _digits(k, half)
        rows += [(low, entries, 0), (high, entries, half)]
    total = _INFINITY
    for i in range(len(rows[0][0]) - 1, -1, -1):
        total = _add_column(_double(total), rows, i)
    return total


def _digits(k, half):
    """For each half (so many entries) of a comb its columns of k, least first; ~i is the negative of entry i.

    An odd k is the sum of 256 signs (or some more), that of its bit i + 1 at place i, and + at the top. For an
    even k it is ORDER - k that is odd, and all signs are turned.
    """
    teeth = 1
    while half >> teeth:
        teeth += 1
    columns = _columns(teeth)
    middle = teeth * columns
    top = 1 << 2 * middle - 1
    signs = k >> 1 | top if k & 1 else (ORDER - k >> 1) ^ top - 1
    column = 0
    for m in range(teeth):
        column |= 1 << m * columns
    fold = (1 << columns) - 2  # modulo this, 2^columns is 2: the bits of a column move together
    return [
        [(signs >> i & column) % fold - half for i in range(start, start + columns)] for start in (0, middle)
    ]


def _double(total):
    """dbl-2008-s-1 of the Explicit-Formulas Database, for a = -3."""
    x, y, zz, zzz = total
    u = 2 * y
    v = u * u % PRIME
    w = u * v % PRIME
    s = x * v % PRIME
    m = 3 * (x - zz) * (x + zz) % PRIME
    x3 = (m * m - 2 * s) % PRIME
    return x3, (m * (s - x3) - w * y) % PRIME, v * zz % PRIME, w * zzz % PRIME


def _add_column(total, rows, i):
    """madd-2008-s of the same for column i of each row, with its exceptions: infinity, equal and opposite points."""
    x, y, zz, zzz = total
    for digits, entries, start in rows:
        digit = digits[i]
        x2, y2 = _two_numbers(entries[start + (digit if digit >= 0 else ~digit)])
        if digit < 0:
            y2 = -y2
        p = (x2 * zz - x) % PRIME
        r = (y2 * zzz - y) % PRIME
        if zz == 0:
            x, y, zz, zzz = x2, y2, 1, 1
        elif p == 0:
            x, y, zz, zzz = _INFINITY if r else _double((x, y, zz, zzz))
        else:
            pp = p * p % PRIME
            ppp = p * pp % PRIME
            q = x * pp % PRIME
            x = (r * r - ppp - 2 * q) % PRIME
            y = (r * (q - x) - y * ppp) % PRIME
            zz = zz * pp % PRIME
            zzz = zzz * ppp % PRIME
    return x, y, zz, zzz
