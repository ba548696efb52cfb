import hashlib
import os

from bootloader import p256
from tests.crypto.device_vectors import (
    DIGEST,
    PRIVATE,
    PUBLIC,
    SAMPLE,
    TEST,
    ZERO,
    number,
    point,
    signed,
    unhex,
)


def test_rfc_6979_vectors():
    assert p256.verify(PUBLIC, DIGEST, SAMPLE)
    assert p256.verify(PUBLIC, hashlib.sha256(b"test").digest(), TEST)
    assert not p256.verify(PUBLIC, DIGEST, TEST)


def test_bytearrays_are_fine():
    assert p256.verify(bytearray(PUBLIC), bytearray(DIGEST), bytearray(SAMPLE)) is True


def test_combs_of_any_number_of_teeth():
    for teeth in range(1, 9):
        combs = {point: list(p256.comb(point, teeth)) for point in (p256.GENERATOR, PUBLIC)}
        assert [len(entries) for entries in combs.values()] == [2**teeth] * 2
        assert p256.verify(PUBLIC, DIGEST, SAMPLE, combs.get) is True, teeth
        assert p256.verify(PUBLIC, DIGEST, TEST, combs.get) is False, teeth


def test_an_entry_is_the_sum_of_its_rows():
    entries = list(p256.comb(p256.GENERATOR, 4))
    for i in range(8):
        rows = 2**96 + sum((1 if i >> m & 1 else -1) << 32 * m for m in range(3))
        assert entries[i] == point(rows) and entries[8 + i] == point(rows << 128), i


def test_one_flipped_bit_anywhere_is_false():
    for i in range(0, 512, 29):
        for at, size in ((0, 64), (1, 32), (2, 64)):
            parts = [bytearray(PUBLIC), bytearray(DIGEST), bytearray(SAMPLE)]
            parts[at][i // 8 % size] ^= 1 << i % 8
            assert p256.verify(*parts) is False, (at, i)


def test_wrong_types_and_lengths_are_false():
    right = (PUBLIC, DIGEST, SAMPLE)
    wrong: object
    for at in range(3):
        for wrong in (None, 0, "x" * 64, "x" * 32, [], b"", right[at][:-1], right[at] + b"\x00", right):
            given = list(right)
            given[at] = wrong
            assert p256.verify(*given) is False, (at, wrong)


def test_r_and_s_out_of_range_are_false():
    r, s = SAMPLE[:32], SAMPLE[32:]
    order = number(p256.ORDER)
    above = number(int.from_bytes(s, "big") + p256.ORDER & 2**256 - 1)
    for signature in (ZERO + s, r + ZERO, ZERO + ZERO, order + s, r + order, r + above, b"\xff" * 64):
        assert p256.verify(PUBLIC, DIGEST, signature) is False


def test_points_that_are_none_are_false():
    x, y = PUBLIC[:32], PUBLIC[32:]
    prime = number(p256.PRIME)
    not_reduced = number(5) + prime
    for key in (ZERO + ZERO, x + x, y + x, x + prime, prime + y, not_reduced, b"\xff" * 64):
        assert p256.verify(key, DIGEST, SAMPLE) is False
    negative = x + number(p256.PRIME - int.from_bytes(y, "big"))  # on the curve, but another key
    assert p256.verify(negative, DIGEST, SAMPLE) is False


def test_s_and_its_negative_are_both_signatures():
    """Plain ECDSA: nothing here relies on a signature having one form only."""
    s = p256.ORDER - int.from_bytes(SAMPLE[32:], "big")
    assert p256.verify(PUBLIC, DIGEST, SAMPLE[:32] + number(s))


def test_a_sum_that_is_infinity_is_false():
    """With Q = -G and digest = r the two products cancel, whatever s is."""
    key = point(p256.ORDER - 1)
    for s in (1, 2, 9, p256.ORDER - 1):
        assert p256.verify(key, number(7), number(7) + number(s)) is False


def test_products_that_meet_are_added_right():
    """Q = G and digest = r: both products are the same point, and their sum a doubling, in each column."""
    for k in (1, 2, 12345):
        r = p256.base_multiply(k)[0] % p256.ORDER
        assert p256.verify(p256.GENERATOR, number(r), signed(1, number(r), k)) is True


def test_digests_and_nonces_at_the_edges():
    """A digest of zero, of the order and near it; sums that are G, -G, and their doubles."""
    for digest in (0, 1, p256.ORDER - 1, p256.ORDER, p256.ORDER + 1, 2**256 - 1):
        for k in (1, 2, p256.ORDER - 2, p256.ORDER - 1, 98765):
            assert p256.verify(PUBLIC, number(digest), signed(PRIVATE, number(digest), k)) is True


def test_base_multiply():
    assert point(PRIVATE) == PUBLIC
    assert point(1) == p256.GENERATOR
    gx, gy = p256.base_multiply(1)
    assert p256.base_multiply(p256.ORDER - 1) == (gx, p256.PRIME - gy)
    x2, y2 = p256.base_multiply(2)  # from any table of multiples of G
    assert number(x2)[:4] == unhex("7cf27b18") and number(y2)[:4] == unhex("07775510")


def test_inverse():
    for a in (1, 2, PRIVATE, p256.ORDER - 1):
        assert a * p256.inverse(a, p256.ORDER) % p256.ORDER == 1


def test_random_bytes_never_raise():
    for _ in range(50):
        assert p256.verify(os.urandom(64), os.urandom(32), os.urandom(64)) is False
        assert p256.verify(PUBLIC, os.urandom(32), os.urandom(64)) is False
