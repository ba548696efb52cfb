import binascii
import hashlib
import os

from bootloader import p256

unhex = binascii.unhexlify

# RFC 6979, appendix A.2.5: key, and signatures of "sample" and "test" with SHA-256
PRIVATE = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
PUBLIC = unhex(
    "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
    "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
)
SAMPLE = unhex(
    "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
    "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
)
TEST = unhex(
    "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367"
    "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083"
)
DIGEST = hashlib.sha256(b"sample").digest()

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
ZERO = bytes(32)


def number(n):
    return n.to_bytes(32, "big")


def test_rfc_6979_vectors():
    assert p256.verify(PUBLIC, DIGEST, SAMPLE)
    assert p256.verify(PUBLIC, hashlib.sha256(b"test").digest(), TEST)
    assert not p256.verify(PUBLIC, DIGEST, TEST)


def test_bytearrays_are_fine():
    assert p256.verify(bytearray(PUBLIC), bytearray(DIGEST), bytearray(SAMPLE)) is True


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
    not_reduced = number(5) + number(P)
    for point in (ZERO + ZERO, x + x, y + x, x + number(P), number(P) + y, not_reduced, b"\xff" * 64):
        assert p256.verify(point, DIGEST, SAMPLE) is False
    negative = x + number(P - int.from_bytes(y, "big"))  # on the curve, but another key
    assert p256.verify(negative, DIGEST, SAMPLE) is False


def test_s_and_its_negative_are_both_signatures():
    """Plain ECDSA: nothing here relies on a signature having one form only."""
    s = p256.ORDER - int.from_bytes(SAMPLE[32:], "big")
    assert p256.verify(PUBLIC, DIGEST, SAMPLE[:32] + number(s))


def test_a_sum_that_is_infinity_is_false():
    """With Q = -G and digest = r the two products cancel, whatever s is."""
    x, y = p256.base_multiply(p256.ORDER - 1)
    assert p256.verify(number(x) + number(y), number(7), number(7) + number(9)) is False


def test_products_that_meet_are_added_right():
    """Q = G and digest = r: both products are the same point, and their sum a doubling."""
    x, y = p256.base_multiply(1)
    k = 12345
    r = p256.base_multiply(k)[0] % p256.ORDER
    s = p256.inverse(k, p256.ORDER) * (r + r) % p256.ORDER
    assert p256.verify(number(x) + number(y), number(r), number(r) + number(s)) is True


def test_digests_at_the_edges():
    """A digest of zero, of the order, and above it, signed with the RFC's key."""
    for digest in (ZERO, number(p256.ORDER), b"\xff" * 32):
        k = 98765
        r = p256.base_multiply(k)[0] % p256.ORDER
        s = p256.inverse(k, p256.ORDER) * (int.from_bytes(digest, "big") + r * PRIVATE) % p256.ORDER
        assert p256.verify(PUBLIC, digest, number(r) + number(s)) is True


def test_base_multiply():
    x, y = p256.base_multiply(PRIVATE)
    assert number(x) + number(y) == PUBLIC
    gx, gy = p256.base_multiply(1)
    assert gx >> 240 == 0x6B17 and p256.base_multiply(p256.ORDER - 1) == (gx, P - gy)
    x2, y2 = p256.base_multiply(2)  # from any table of multiples of G
    assert number(x2)[:4] == unhex("7cf27b18") and number(y2)[:4] == unhex("07775510")


def test_inverse():
    for a in (1, 2, PRIVATE, p256.ORDER - 1):
        assert a * p256.inverse(a, p256.ORDER) % p256.ORDER == 1


def test_random_bytes_never_raise():
    for _ in range(50):
        assert p256.verify(os.urandom(64), os.urandom(32), os.urandom(64)) is False
