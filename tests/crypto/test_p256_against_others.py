"""bootloader/p256 and its kept combs against `ecdsa` and `cryptography`, on the heap of a small board."""

import hashlib
import random
from collections.abc import Iterator

import ecdsa
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from tests import spl

G = ecdsa.NIST256p.generator
ORDER = int(G.order())
PRIME = int(ecdsa.NIST256p.curve.p())

Vector = tuple[bytes, bytes, bytes]

VERIFY = """
import json, os, sys
from binascii import unhexlify
from bootloader import comb, p256
root, kept = sys.argv[1], sys.argv[2] == "kept"
verify = comb.Verifier(root).verify if kept else p256.verify
with open(root + "/vectors") as file:
    for line in file:
        print(int(verify(*[unhexlify(part) for part in line.split()])))
print(len(os.listdir(root + "/etc/combs")) if kept else 0)
"""

BASE = """
import sys
from bootloader import p256
with open(sys.argv[1] + "/numbers") as file:
    for line in file:
        print(*p256.base_multiply(int(line)))
"""


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return spl.unpack(tmp_path_factory.mktemp("spl"))


@pytest.fixture
def root(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/seal.key").write_bytes(bytes(range(32)))
    return tmp_path


def lines_of(board, root, script, *arguments) -> list[str]:
    done = spl.python(board, "64K", "-c", script, root, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def on_small_heap(board, root, vectors, combs) -> tuple[list[bool], int]:
    """(the answers of the device, how many combs it keeps)"""
    (root / "vectors").write_text("".join(" ".join(part.hex() for part in v) + "\n" for v in vectors))
    *answers, kept = lines_of(board, root, VERIFY, combs)
    return [answer == "1" for answer in answers], int(kept)


def bytes_of(*numbers: int) -> bytes:
    return b"".join(int(n).to_bytes(32, "big") for n in numbers)


def by_ecdsa(key: int, seed: int) -> Vector:
    signer = ecdsa.SigningKey.from_secret_exponent(key, ecdsa.NIST256p)
    digest = hashlib.sha256(b"%d" % seed).digest()
    return signer.verifying_key.to_string(), digest, signer.sign_digest_deterministic(digest, hashlib.sha256)


def by_cryptography(key: int, seed: int) -> Vector:
    signer = ec.derive_private_key(key, ec.SECP256R1())
    digest = hashlib.sha256(b"message %d" % seed).digest()
    public = signer.public_key().public_numbers()
    pair = decode_dss_signature(signer.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256()))))
    return bytes_of(public.x, public.y), digest, bytes_of(*pair)


def verified_by_cryptography(public: bytes, digest: bytes, signature: bytes) -> bool:
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + public)
        pair = encode_dss_signature(
            int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        )
        key.verify(pair, digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    except (ValueError, InvalidSignature):
        return False
    return True


def flipped(part: bytes, chance: random.Random) -> bytes:
    return (int.from_bytes(part, "big") ^ 1 << chance.randrange(8 * len(part))).to_bytes(len(part), "big")


def mutations(vector: Vector, chance: random.Random) -> Iterator[Vector]:
    """A flipped bit in each part, an exchanged half, and numbers at the edges."""
    public, digest, signature = vector
    yield flipped(public, chance), digest, signature
    yield public, flipped(digest, chance), signature
    yield public, digest, flipped(signature, chance)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    yield public, digest, bytes_of(s, r)
    yield public, digest, bytes_of(r, ORDER - s)  # this one is right
    edge = chance.choice([0, 1, 2, ORDER - 1, ORDER, ORDER + 1, PRIME - ORDER, PRIME - 1, PRIME, 2**256 - 1])
    yield public, digest, bytes_of(*chance.choice([(r, edge), (edge, s), (edge, edge)]))
    yield public[32:] + public[:32], digest, signature
    yield public, bytes_of(edge), signature


def special() -> Iterator[Vector]:
    """Signatures of chosen r, s and digest, by the key for which they hold: Q = (s R - z G) / r."""
    for x in [*range(5, 12), ORDER + 3, ORDER + 4, *range(ORDER + 10, ORDER + 20)]:  # r = x - ORDER: wraps
        square = (x**3 - 3 * x + int(ecdsa.NIST256p.curve.b())) % PRIME
        y = pow(square, (PRIME + 1) // 4, PRIME)
        if y * y % PRIME == square:
            nonce_point = ecdsa.ellipticcurve.Point(ecdsa.NIST256p.curve, x, y)
            for s, z in ((1, 0), (ORDER - 1, 1), (2, ORDER), (x, 2**256 - 1), ((ORDER + 1) // 2, 1 << 255)):
                r = x % ORDER
                q = (nonce_point * s + G.to_affine() * (-z % ORDER)) * pow(r, -1, ORDER)
                yield bytes_of(q.x(), q.y()), bytes_of(z), bytes_of(r, s % ORDER)


def test_some_hundred_signatures_and_mutations_on_a_small_heap(board, root):
    chance = random.Random(256)
    vectors = []
    for key in (chance.randrange(1, ORDER), 1, ORDER - 1, 2**255):
        for seed in range(6):
            for vector in (by_ecdsa(key, seed), by_cryptography(key, seed)):
                vectors += [vector, *mutations(vector, chance)]
    expected = [verified_by_cryptography(*vector) for vector in vectors]
    assert len(vectors) == 432 and sum(expected) >= 96
    answers, kept = on_small_heap(board, root, vectors, "kept")
    assert [v for v, a, e in zip(vectors, answers, expected, strict=True) if a != e] == []
    assert kept == 3  # those of 1 and ORDER - 1 have one name, as their x is the same
    some = slice(0, None, 5)
    assert on_small_heap(board, root, vectors[some], "small") == (expected[some], 0)


def test_an_x_beyond_the_order_and_other_special_numbers(board, root):
    right = list(special())
    assert sum(int.from_bytes(signature[:32], "big") < 100 for _, _, signature in right) >= 40
    wrong = [
        (public, digest, flipped(signature, random.Random(1))) for public, digest, signature in right[::4]
    ]
    vectors = right + wrong
    expected = [True] * len(right) + [False] * len(wrong)
    assert [verified_by_cryptography(*vector) for vector in vectors] == expected
    assert on_small_heap(board, root, vectors, "small")[0] == expected


def test_multiples_of_the_generator(board, root):
    chance = random.Random(6)
    numbers = [
        1,
        2,
        3,
        ORDER - 1,
        ORDER - 2,
        ORDER // 2,
        ORDER // 2 + 1,
        *(1 << n for n in range(0, 256, 15)),
    ]
    numbers += [chance.randrange(1, ORDER) >> chance.randrange(256) | 1 for _ in range(40)]
    (root / "numbers").write_text("".join(f"{n}\n" for n in numbers))
    expected = [f"{point.x()} {point.y()}" for point in (G * n for n in numbers)]
    assert lines_of(board, root, BASE) == expected
