from binascii import hexlify

from bootloader import hmac


def test_rfc_4231_vectors():
    """Test cases 1, 2, 3 and 6 of section 4: short, of a word, and longer than a block."""
    for key, message, code in (
        (b"\x0b" * 20, b"Hi There", b"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            b"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (b"\xaa" * 20, b"\xdd" * 50, b"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (
            b"\xaa" * 131,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            b"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ):
        assert hexlify(hmac.sha256(key, message)) == code


def test_equal():
    assert hmac.equal(b"", b"") and hmac.equal(b"abc", bytearray(b"abc"))
    for other in (b"", b"ab", b"abd", b"abcd", b"\x00abc"):
        assert not hmac.equal(b"abc", other), other
