"""RFC 6979, appendix A.2.5: a key on P-256, and its signatures of "sample" and "test" with SHA-256.

Used inside MicroPython.
"""

import hashlib
from binascii import unhexlify as unhex

from bootloader import p256

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
ZERO = bytes(32)


def number(n):
    return n.to_bytes(32, "big")


def point(k):
    """The 64 bytes of k * G."""
    x, y = p256.base_multiply(k)
    return number(x) + number(y)


def signed(private, digest, k):
    """The signature of a digest with the nonce k."""
    r = p256.base_multiply(k)[0] % p256.ORDER
    s = p256.inverse(k, p256.ORDER) * (int.from_bytes(digest, "big") + r * private) % p256.ORDER
    return number(r) + number(s)
